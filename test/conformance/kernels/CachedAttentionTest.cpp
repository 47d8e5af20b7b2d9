// qvl.cached_attention against the reference interpreter, and contract C10: a row's bits depend on
// its own sequence only.

#include "KernelFixture.h"
#include "qvl/Reference/Interpreter.h"

#include "mlir/IR/MLIRContext.h"

#include <cmath>
#include <cstring>
#include <numeric>

namespace qvl::test {
namespace {

namespace reference = mlir::qvl::reference;

constexpr int64_t kLayers = 2;
constexpr int64_t kLayer = 1; // the layer under test

struct CacheShape {
  int64_t kvHeads;
  int64_t group; // query heads per key head
  int64_t headDim;
  int64_t page;
  std::string element = "f32"; // of queries, cache and result
  double scale() const { return 1 / std::sqrt(double(headDim)); }
  int64_t heads() const { return kvHeads * group; }
  int64_t columns() const { return heads() * headDim; }
  int64_t headElements() const { return page * headDim; }
  int64_t pageElements() const { return kLayers * 2 * kvHeads * headElements(); }
};

std::string kernelText(const CacheShape &s) {
  std::string query = "tensor<?x" + std::to_string(s.heads()) + "x" + std::to_string(s.headDim) +
                      "x" + s.element + ">";
  std::string rows = "tensor<?x" + std::to_string(s.columns()) + "x" + s.element + ">";
  std::string cache = "!qvl.cache<" + std::to_string(kLayers) + ", " + std::to_string(s.kvHeads) +
                      ", " + std::to_string(s.headDim) + ", " + std::to_string(s.page) + ", " +
                      s.element + ">";
  std::string list = "tensor<?xi32>", table = "tensor<?x?xi32>";
  return "func.func @cached_attention(%q: " + query + ", %c: " + cache +
         ", %layer: index, %o: " + list + ", %s: " + list + ", %l: " + list + ", %t: " + table +
         ") -> " + rows +
         " {\n  %r = qvl.cached_attention %q, %c layer(%layer) sequences(%o, %s, %l, %t) {scale "
         "= " +
         std::to_string(s.scale()) + " : f64} : " + query + ", " + cache + ", " + list + ", " +
         list + ", " + list + ", " + table + " -> " + rows + "\n  return %r : " + rows + "\n}\n";
}

/// Memory of numbers in the element type of a shape, and back.
GuardedBuffer encode(const CacheShape &s, const std::vector<float> &values) {
  if (s.element == "f32")
    return GuardedBuffer::of<float>(values);
  std::vector<uint16_t> bits(values.size());
  std::transform(values.begin(), values.end(), bits.begin(), toBf16);
  return GuardedBuffer::of<uint16_t>(bits);
}
std::vector<float> decode(const CacheShape &s, const GuardedBuffer &buffer) {
  if (s.element == "f32")
    return {buffer.as<float>().begin(), buffer.as<float>().end()};
  std::vector<float> values(buffer.as<uint16_t>().size());
  std::transform(buffer.as<uint16_t>().begin(), buffer.as<uint16_t>().end(), values.begin(),
                 fromBf16);
  return values;
}

/// One sequence: its tokens' keys and values of every kv head, and the queries of its last tokens.
struct Sequence {
  std::vector<float> keys, values; // [tokens][kv_heads][head_dim]
  std::vector<float> queries;      // [tokens][heads][head_dim]
  int64_t tokens;
};

/// The rows of one call: tokens [begin, end) of a sequence.
struct CallPart {
  const Sequence *sequence;
  int64_t begin, end;
};

/// The operands of a call as the runtime lays them out.
struct Call {
  std::vector<float> query, cache;
  std::vector<int32_t> rowOffsets{0}, rowSequence, cacheLengths, blockTable;
  int64_t width = 0, pages = 0;
  int64_t rows() const { return rowOffsets.back(); }
};

class CachedAttentionKernel : public KernelTest {
protected:
  Sequence sequence(const CacheShape &s, int64_t tokens) {
    int64_t columns = tokens * s.kvHeads * s.headDim;
    return {uniform(columns), uniform(columns), uniform(tokens * s.columns()), tokens};
  }

  /// Lays out a call: pages in random order, stale numbers wherever no token was written.
  Call layOut(const CacheShape &s, const std::vector<CallPart> &parts) {
    Call call;
    for (const CallPart &part : parts)
      call.width = std::max(call.width, (part.end + s.page - 1) / s.page);
    call.pages = call.width * parts.size() + 1;
    call.cache = uniform(call.pages * s.pageElements());
    call.blockTable.resize(call.width * parts.size());
    std::iota(call.blockTable.begin(), call.blockTable.end(), 0);
    std::shuffle(call.blockTable.begin(), call.blockTable.end(), random);
    for (size_t b = 0; b < parts.size(); ++b)
      addPart(s, parts[b], b, call);
    return call;
  }

  void addPart(const CacheShape &s, const CallPart &part, int64_t b, Call &call) {
    const Sequence &sequence = *part.sequence;
    call.query.insert(call.query.end(), sequence.queries.begin() + part.begin * s.columns(),
                      sequence.queries.begin() + part.end * s.columns());
    call.rowSequence.insert(call.rowSequence.end(), part.end - part.begin, static_cast<int32_t>(b));
    call.rowOffsets.push_back(call.rowOffsets.back() + part.end - part.begin);
    call.cacheLengths.push_back(static_cast<int32_t>(part.begin));
    for (int64_t token = 0; token < part.end; ++token) {
      float *page =
          call.cache.data() + call.blockTable[b * call.width + token / s.page] * s.pageElements();
      for (int64_t head = 0; head < s.kvHeads; ++head)
        for (int64_t d = 0; d < s.headDim; ++d) {
          int64_t place = token % s.page, source = (token * s.kvHeads + head) * s.headDim + d;
          float *keys = page + ((kLayer * 2 + 0) * s.kvHeads + head) * s.headElements();
          float *values = page + ((kLayer * 2 + 1) * s.kvHeads + head) * s.headElements();
          keys[d * s.page + place] = sequence.keys[source];
          values[place * s.headDim + d] = sequence.values[source];
        }
    }
  }

  std::vector<float> run(const CompiledKernel &kernel, const CacheShape &s, const Call &call,
                         int64_t piece = 1 << 20) {
    GuardedBuffer query = encode(s, call.query), cache = encode(s, call.cache);
    auto offsets = GuardedBuffer::of<int32_t>(call.rowOffsets),
         sequences = GuardedBuffer::of<int32_t>(call.rowSequence);
    auto lengths = GuardedBuffer::of<int32_t>(call.cacheLengths),
         table = GuardedBuffer::of<int32_t>(call.blockTable);
    GuardedBuffer result(call.rows() * s.columns() * (s.element == "f32" ? 4 : 2));
    void *buffers[] = {query.data(),   cache.data(), offsets.data(), sequences.data(),
                       lengths.data(), table.data(), result.data()};
    int64_t batch = call.cacheLengths.size();
    int64_t scalars[] = {call.rows(), batch + 1,  call.rows(), batch,
                         batch,       call.width, call.rows(), kLayer};
    int64_t tiles = kernel.tiles(call.rows());
    for (int64_t begin = 0; begin < tiles; begin += piece)
      kernel.run(buffers, scalars, begin, std::min(tiles, begin + piece));
    EXPECT_TRUE(result.intact());
    return decode(s, result);
  }

  std::vector<double> evaluate(const CacheShape &s, const std::vector<CallPart> &parts,
                               const Call &call) {
    mlir::MLIRContext context;
    context.loadDialect<mlir::qvl::QvlDialect>();
    auto type = mlir::qvl::CacheType::get(&context, kLayers, s.kvHeads, s.headDim, s.page,
                                          mlir::Float32Type::get(&context));
    reference::Cache::Rows rows;
    for (size_t b = 0; b < parts.size(); ++b)
      for (int64_t token = 0; token < parts[b].end; ++token) {
        int64_t columns = s.kvHeads * s.headDim;
        auto row = [&](const std::vector<float> &values) {
          return std::vector<double>(values.begin() + token * columns,
                                     values.begin() + (token + 1) * columns);
        };
        int64_t page = call.blockTable[b * call.width + token / s.page];
        rows[page * s.page + token % s.page] = std::make_shared<reference::CacheRow>(
            reference::CacheRow{row(parts[b].sequence->keys), row(parts[b].sequence->values)});
      }
    auto list = [](const std::vector<int32_t> &values) {
      return reference::Tensor({int64_t(values.size())}, {values.begin(), values.end()});
    };
    int64_t batch = parts.size();
    std::vector<reference::RuntimeValue> arguments{
        reference::Tensor({call.rows(), s.heads(), s.headDim},
                          {call.query.begin(), call.query.end()}),
        reference::Cache(type).append(kLayer, rows),
        reference::Tensor({}, {double(kLayer)}),
        list(call.rowOffsets),
        list(call.rowSequence),
        list(call.cacheLengths),
        reference::Tensor({batch, call.width}, {call.blockTable.begin(), call.blockTable.end()})};
    auto results =
        reference::evaluateText(kernelText(s), arguments, reference::Precision::F64, "", &context);
    EXPECT_TRUE(mlir::succeeded(results));
    return mlir::succeeded(results) ? std::get<reference::Tensor>(results->front()).values
                                    : std::vector<double>();
  }

  void expectReference(const CompiledKernel &kernel, const CacheShape &s,
                       const std::vector<CallPart> &parts) {
    Call call = layOut(s, parts);
    std::vector<float> result = run(kernel, s, call);
    std::vector<double> expected = evaluate(s, parts, call);
    ASSERT_EQ(result.size(), expected.size());
    // As in AttentionTest.cpp.
    double bound = 0x1p-24 * (6 + std::sqrt(double(s.headDim)) / 2);
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::isnan(result[i]) ? 1e9 : std::abs(result[i] - expected[i]));
    EXPECT_LE(worst, bound) << "group " << s.group << " head_dim " << s.headDim;
  }
};

const CacheShape kShapes[] = {{2, 3, 32, 64}, {1, 8, 128, 64}, {4, 7, 128, 128}, {2, 5, 20, 128},
                              {3, 1, 16, 64}, {2, 2, 80, 64},  {1, 12, 24, 64},  {2, 1, 40, 128}};

TEST_P(CachedAttentionKernel, MatchesTheReferenceOnRaggedBatches) {
  for (const CacheShape &s : kShapes) {
    auto kernel = compile(kernelText(s));
    Sequence a = sequence(s, 140), b = sequence(s, 1), c = sequence(s, 64), d = sequence(s, 129);
    expectReference(*kernel, s, {CallPart{&a, 0, 140}});
    expectReference(*kernel, s, {CallPart{&b, 0, 1}});
    expectReference(*kernel, s, {CallPart{&a, 139, 140}, CallPart{&b, 0, 1}, CallPart{&c, 63, 64}});
    expectReference(
        *kernel, s,
        {CallPart{&a, 60, 70}, CallPart{&c, 0, 64}, CallPart{&b, 0, 1}, CallPart{&d, 128, 129}});
  }
}

/// The same shape in bf16.
CacheShape narrow(CacheShape shape) {
  shape.element = "bf16";
  return shape;
}

/// prefill = chunks = decode, alone and in a batch, in any page.
TEST_P(CachedAttentionKernel, RowsDependOnTheirSequenceOnly) {
  for (const CacheShape &s :
       {kShapes[0], kShapes[2], kShapes[4], narrow(kShapes[0]), narrow(kShapes[2])}) {
    auto kernel = compile(kernelText(s));
    Sequence a = sequence(s, 150), b = sequence(s, 40);
    std::vector<float> prefill = run(*kernel, s, layOut(s, {CallPart{&a, 0, 150}}));
    for (auto [begin, end] :
         {std::pair<int64_t, int64_t>{0, 7}, {63, 64}, {64, 65}, {60, 68}, {149, 150}}) {
      std::vector<float> alone = run(*kernel, s, layOut(s, {CallPart{&a, begin, end}}));
      std::vector<float> batch =
          run(*kernel, s,
              layOut(s, {CallPart{&b, 33, 40}, CallPart{&a, begin, end}, CallPart{&b, 5, 6}}));
      const float *expected = prefill.data() + begin * s.columns();
      EXPECT_EQ(std::memcmp(alone.data(), expected, alone.size() * sizeof(float)), 0) << begin;
      EXPECT_EQ(std::memcmp(batch.data() + 7 * s.columns(), expected, alone.size() * sizeof(float)),
                0)
          << begin;
    }
  }
}

TEST_P(CachedAttentionKernel, AnySplitOfTheGridGivesTheSameBits) {
  for (const CacheShape &s : {kShapes[0], narrow(kShapes[0])}) {
    auto kernel = compile(kernelText(s));
    Sequence a = sequence(s, 70);
    Call call = layOut(s, {CallPart{&a, 0, 70}});
    std::vector<float> whole = run(*kernel, s, call);
    for (int64_t piece : {1, 3})
      EXPECT_EQ(std::memcmp(run(*kernel, s, call, piece).data(), whole.data(),
                            whole.size() * sizeof(float)),
                0);
  }
}

/// In bf16 only memory is narrow: the result is that of the kernel for f32, rounded. Where pairs of
/// bf16 are multiplied, probabilities are rounded too: half a step of each, weighted by values
/// below one in magnitude, and perhaps a step of the result.
TEST_P(CachedAttentionKernel, Bf16GivesTheRoundedResultOfF32) {
  bool inPairs = GetParam() == "v4+bf16";
  for (const CacheShape &wide : kShapes) {
    Sequence a = sequence(wide, 150), b = sequence(wide, 3), c = sequence(wide, 64);
    Call call = layOut(wide, {{&a, 141, 150}, {&b, 2, 3}, {&c, 0, 64}});
    for (auto *values : {&call.query, &call.cache})
      for (float &value : *values)
        value = fromBf16(toBf16(value));
    std::vector<float> expected = run(*compile(kernelText(wide)), wide, call);
    for (float &value : expected)
      value = fromBf16(toBf16(value));
    std::vector<float> result = run(*compile(kernelText(narrow(wide))), narrow(wide), call);
    ASSERT_EQ(result.size(), expected.size());
    for (size_t i = 0; i < result.size(); ++i)
      ASSERT_LE(std::abs(result[i] - expected[i]),
                inPairs ? 0x1p-9 + 0x1p-7 * std::abs(expected[i]) : 0)
          << "group " << wide.group << " head_dim " << wide.headDim;
  }
}

QVL_INSTANTIATE_KERNEL_TESTS_FOR(CachedAttentionKernel, "v3", "v4", "v4+bf16");

} // namespace
} // namespace qvl::test
