// qvl.cached_attention on thread blocks against the reference interpreter, in the form for many
// rows, in the one for few and in splits of the keys: ragged batches, shared key heads, pages, and
// rows whose bits depend on their own sequence only.

#include "AttentionOperands.h"
#include "qvl/Reference/Interpreter.h"

#include "dialects/qvl/IR/Qvl.h"
#include "mlir/IR/MLIRContext.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace qvl::test {
namespace {

namespace reference = mlir::qvl::reference;

constexpr int64_t kLayers = 2;
constexpr int64_t kLayer = 1; // the layer under test

/// The forms that one op is compiled to.
enum class Form { ManyRows, FewRows };
constexpr Form kForms[] = {Form::ManyRows, Form::FewRows};

struct CacheShape {
  int64_t kvHeads;
  int64_t group; // query heads per key head
  int64_t headDim;
  int64_t page;
  std::string element = "f32"; // of queries and result
  std::string cacheElement = "f32";

  int64_t heads() const { return kvHeads * group; }
  int64_t columns() const { return heads() * headDim; }
  int64_t pageElements() const { return kLayers * 2 * kvHeads * page * headDim; }
  /// Place of the head of a token in a page.
  int64_t place(bool value, int64_t head, int64_t token) const {
    return (((kLayer * 2 + value) * kvHeads + head) * page + token) * headDim;
  }
  AttentionErrors errors(Form form) const {
    bool narrow = element == "bf16" && cacheElement == "bf16";
    return {headDim, narrow && form == Form::ManyRows, element == "bf16"};
  }
  CacheShape with(const std::string &query, const std::string &cache) const {
    CacheShape shape = *this;
    shape.element = query;
    shape.cacheElement = cache;
    return shape;
  }
  std::string text(Form form) const;
  std::string splitsText(int64_t splits) const;
  std::string mergeText(int64_t splits) const;
  std::string describe() const {
    return element + " over " + cacheElement + ", group " + std::to_string(group) + ", head_dim " +
           std::to_string(headDim) + ", page " + std::to_string(page);
  }
  std::string queryType() const {
    return "tensor<?x" + std::to_string(heads()) + "x" + std::to_string(headDim) + "x" + element +
           ">";
  }
  std::string rowsType() const {
    return "tensor<?x" + std::to_string(columns()) + "x" + element + ">";
  }
  std::string splitsType(int64_t splits, int64_t size) const {
    return "tensor<?x" + std::to_string(splits) + "x" + std::to_string(heads()) + "x" +
           std::to_string(size) + "xf32>";
  }

private:
  /// A function of one op that attends.
  std::string attentionText(const std::string &op, const std::string &results,
                            const std::string &attribute) const;
};

std::string CacheShape::attentionText(const std::string &op, const std::string &results,
                                      const std::string &attribute) const {
  std::string cache = "!qvl.cache<" + std::to_string(kLayers) + ", " + std::to_string(kvHeads) +
                      ", " + std::to_string(headDim) + ", " + std::to_string(page) + ", " +
                      cacheElement + ">";
  std::string list = "tensor<?xi32>", table = "tensor<?x?xi32>";
  bool isOne = results.find(", ") == std::string::npos;
  std::string values = isOne ? "%r" : "%r#0, %r#1";
  return "func.func @" + op + "(%q: " + queryType() + ", %c: " + cache +
         ", %layer: index, %o: " + list + ", %s: " + list + ", %l: " + list + ", %t: " + table +
         ") -> (" + results + ")" + attribute + " {\n  %r" + (isOne ? "" : ":2") + " = qvl." + op +
         " %q, %c layer(%layer) sequences(%o, %s, %l, %t) {scale = " +
         std::to_string(1 / std::sqrt(static_cast<double>(headDim))) + " : f64} : " + queryType() +
         ", " + cache + ", " + list + ", " + list + ", " + list + ", " + table + " -> " + results +
         "\n  return " + values + " : " + results + "\n}\n";
}

std::string CacheShape::text(Form form) const {
  return attentionText("cached_attention", rowsType(),
                       form == Form::FewRows ? " attributes {qvl.few_rows}" : "");
}

std::string CacheShape::splitsText(int64_t splits) const {
  return attentionText("cached_attention_splits",
                       splitsType(splits, 2) + ", " + splitsType(splits, headDim), "");
}

std::string CacheShape::mergeText(int64_t splits) const {
  std::string weights = splitsType(splits, 2), output = splitsType(splits, headDim);
  return "func.func @merge_splits(%w: " + weights + ", %o: " + output + ") -> " + rowsType() +
         " {\n  %r = qvl.merge_splits %w, %o : " + weights + ", " + output + " -> " + rowsType() +
         "\n  return %r : " + rowsType() + "\n}\n";
}

/// One sequence: its tokens' keys and values of every kv head, and the queries of its tokens.
struct Sequence {
  std::vector<float> keys, values; // [tokens][kv_heads][head_dim]
  std::vector<float> queries;      // [tokens][heads][head_dim]
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
  int64_t width = 0;
  int64_t rows() const { return rowOffsets.back(); }
};

class GpuCachedAttention : public AttentionTest {
protected:
  Sequence sequence(const CacheShape &s, int64_t tokens) {
    size_t keys = tokens * s.kvHeads * s.headDim;
    return {uniform(keys, s.cacheElement), uniform(keys, s.cacheElement),
            uniform(tokens * s.columns(), s.element)};
  }

  /// Lays out a call: pages in random order, no number wherever no token was written.
  Call layOut(const CacheShape &s, const std::vector<CallPart> &parts) {
    Call call;
    for (const CallPart &part : parts)
      call.width = std::max(call.width, (part.end + s.page - 1) / s.page);
    call.blockTable.resize(call.width * parts.size());
    std::iota(call.blockTable.begin(), call.blockTable.end(), 0);
    std::shuffle(call.blockTable.begin(), call.blockTable.end(), random);
    call.cache.assign((call.blockTable.size() + 1) * s.pageElements(),
                      std::numeric_limits<float>::quiet_NaN());
    for (size_t b = 0; b < parts.size(); ++b)
      addPart(s, parts[b], b, call);
    return call;
  }

  static void addPart(const CacheShape &s, const CallPart &part, size_t b, Call &call) {
    const Sequence &sequence = *part.sequence;
    call.query.insert(call.query.end(), sequence.queries.begin() + part.begin * s.columns(),
                      sequence.queries.begin() + part.end * s.columns());
    call.rowSequence.insert(call.rowSequence.end(), part.end - part.begin, static_cast<int32_t>(b));
    call.rowOffsets.push_back(static_cast<int32_t>(call.rowSequence.size()));
    call.cacheLengths.push_back(static_cast<int32_t>(part.begin));
    for (int64_t token = 0; token < part.end; ++token) {
      int64_t number = call.blockTable[b * call.width + token / s.page];
      float *page = call.cache.data() + number * s.pageElements();
      for (int64_t head = 0; head < s.kvHeads; ++head) {
        int64_t source = (token * s.kvHeads + head) * s.headDim;
        std::copy_n(sequence.keys.begin() + source, s.headDim,
                    page + s.place(false, head, token % s.page));
        std::copy_n(sequence.values.begin() + source, s.headDim,
                    page + s.place(true, head, token % s.page));
      }
    }
  }

  static std::vector<GpuBuffer> buffers(const CacheShape &s, const Call &call) {
    return {encode(call.query, s.element),
            encode(call.cache, s.cacheElement),
            GpuBuffer::of<int32_t>(call.rowOffsets),
            GpuBuffer::of<int32_t>(call.rowSequence),
            GpuBuffer::of<int32_t>(call.cacheLengths),
            GpuBuffer::of<int32_t>(call.blockTable),
            GpuBuffer::result(call.query.size() * elementBytes(s.element))};
  }
  static std::vector<int64_t> scalars(const Call &call) {
    auto batch = static_cast<int64_t>(call.cacheLengths.size());
    return {call.rows(), batch + 1, call.rows(), batch, batch, call.width, call.rows(), kLayer};
  }

  static std::vector<float> run(const GpuKernel &kernel, const CacheShape &s, const Call &call) {
    std::vector<GpuBuffer> memory = buffers(s, call);
    kernel.run(memory, scalars(call), call.rows());
    return decode(memory.back(), s.element);
  }

  /// The results of a function on the operands of a call.
  static std::vector<std::vector<double>> evaluate(const std::string &text, const CacheShape &s,
                                                   const std::vector<CallPart> &parts,
                                                   const Call &call);
  static std::vector<double> evaluate(const CacheShape &s, const std::vector<CallPart> &parts,
                                      const Call &call) {
    return evaluate(s.text(Form::ManyRows), s, parts, call).at(0);
  }

  void expectReference(const GpuKernel &kernel, Form form, const CacheShape &s,
                       const std::vector<CallPart> &parts) {
    Call call = layOut(s, parts);
    s.errors(form).expectNear(run(kernel, s, call), evaluate(s, parts, call), s.describe());
  }
};

std::vector<std::vector<double>> GpuCachedAttention::evaluate(const std::string &text,
                                                              const CacheShape &s,
                                                              const std::vector<CallPart> &parts,
                                                              const Call &call) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::qvl::QvlDialect>();
  mlir::Type element = mlir::Float32Type::get(&context);
  if (s.cacheElement == "bf16")
    element = mlir::BFloat16Type::get(&context);
  auto type = mlir::qvl::CacheType::get(&context, kLayers, s.kvHeads, s.headDim, s.page, element);
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
    return reference::Tensor({static_cast<int64_t>(values.size())}, {values.begin(), values.end()});
  };
  auto batch = static_cast<int64_t>(parts.size());
  std::vector<reference::RuntimeValue> arguments{
      reference::Tensor({call.rows(), s.heads(), s.headDim},
                        {call.query.begin(), call.query.end()}),
      reference::Cache(type).append(kLayer, rows),
      reference::Tensor({}, {static_cast<double>(kLayer)}),
      list(call.rowOffsets),
      list(call.rowSequence),
      list(call.cacheLengths),
      reference::Tensor({batch, call.width}, {call.blockTable.begin(), call.blockTable.end()})};
  auto results = reference::evaluateText(text, arguments, reference::Precision::F64, "", &context);
  EXPECT_TRUE(mlir::succeeded(results));
  std::vector<std::vector<double>> values(2);
  for (size_t i = 0; mlir::succeeded(results) && i < results->size(); ++i)
    values[i] = std::get<reference::Tensor>((*results)[i]).values;
  return values;
}

/// Splits of the keys and what joins them.
class GpuSplitAttention : public GpuCachedAttention {
protected:
  struct Kernels {
    int64_t splits;
    std::unique_ptr<GpuKernel> attend, merge;
  };
  static Kernels kernels(const CacheShape &s, int64_t splits) {
    return {splits, GpuKernel::create(s.splitsText(splits)),
            GpuKernel::create(s.mergeText(splits))};
  }

  /// The operands of a launch of the first kernel.
  static std::vector<GpuBuffer> splitBuffers(const Kernels &kernels, const CacheShape &s,
                                             const Call &call) {
    std::vector<GpuBuffer> memory = buffers(s, call);
    size_t heads = call.rows() * kernels.splits * s.heads();
    memory.back() = GpuBuffer::result(heads * 2 * sizeof(float));
    memory.push_back(GpuBuffer::result(heads * s.headDim * sizeof(float)));
    return memory;
  }
  static std::vector<int64_t> splitScalars(const Call &call) {
    std::vector<int64_t> numbers = scalars(call);
    numbers.insert(numbers.end() - 1, call.rows()); // of the second result
    return numbers;
  }
  static std::vector<GpuBuffer> mergeBuffers(const CacheShape &s, const Call &call,
                                             std::span<const GpuBuffer> splits) {
    return {{splits[splits.size() - 2].bytes},
            {splits.back().bytes},
            GpuBuffer::result(call.rows() * s.columns() * elementBytes(s.element))};
  }

  static std::vector<float> run(const Kernels &kernels, const CacheShape &s, const Call &call) {
    std::vector<GpuBuffer> splits = splitBuffers(kernels, s, call);
    kernels.attend->run(splits, splitScalars(call), call.rows());
    std::vector<GpuBuffer> memory = mergeBuffers(s, call, splits);
    kernels.merge->run(memory, std::vector<int64_t>(3, call.rows()), call.rows());
    return decode(memory.back(), s.element);
  }

  void expectReference(const Kernels &kernels, const CacheShape &s,
                       const std::vector<CallPart> &parts) {
    Call call = layOut(s, parts);
    s.errors(Form::FewRows)
        .expectNear(run(kernels, s, call), evaluate(s, parts, call),
                    s.describe() + ", splits " + std::to_string(kernels.splits));
  }
};

/// Groups of 1, 5, 7, 8 and others, pages of 64 and 128 tokens.
const CacheShape kShapes[] = {{2, 3, 32, 64}, {1, 8, 128, 64}, {1, 7, 128, 128}, {2, 5, 20, 128},
                              {3, 1, 16, 64}, {1, 2, 18, 64},  {1, 12, 24, 64},  {2, 1, 80, 128}};

TEST_F(GpuCachedAttention, MatchesTheReferenceOnRaggedBatches) {
  for (const CacheShape &shape : kShapes)
    for (const char *element : {"f32", "bf16"})
      for (Form form : kForms) {
        CacheShape s = shape.with(element, element);
        auto kernel = GpuKernel::create(s.text(form));
        Sequence a = sequence(s, 140), b = sequence(s, 1), c = sequence(s, 64),
                 d = sequence(s, 129);
        expectReference(*kernel, form, s, {{&b, 0, 1}});
        expectReference(*kernel, form, s, {{&a, 139, 140}, {&b, 0, 1}, {&c, 63, 64}});
        expectReference(*kernel, form, s, {{&a, 60, 70}, {&c, 40, 64}, {&d, 128, 129}});
      }
}

TEST_F(GpuCachedAttention, MatchesTheReferenceOnWholePrompts) {
  for (const char *element : {"f32", "bf16"}) {
    CacheShape s = kShapes[0].with(element, element);
    auto kernel = GpuKernel::create(s.text(Form::ManyRows));
    Sequence a = sequence(s, 140), b = sequence(s, 65);
    expectReference(*kernel, Form::ManyRows, s, {{&a, 0, 140}});
    expectReference(*kernel, Form::ManyRows, s, {{&b, 0, 65}, {&b, 0, 0}, {&a, 64, 140}});
  }
}

/// Widened operands: queries and cache of different types.
TEST_F(GpuCachedAttention, MatchesTheReferenceOnMixedTypes) {
  for (auto [element, cache] : {std::pair{"f32", "bf16"}, {"bf16", "f32"}})
    for (Form form : kForms)
      for (const CacheShape &shape : {kShapes[2], kShapes[3], kShapes[5]}) {
        CacheShape s = shape.with(element, cache);
        Sequence a = sequence(s, 70), b = sequence(s, 20);
        expectReference(*GpuKernel::create(s.text(form)), form, s, {{&a, 66, 70}, {&b, 13, 20}});
      }
}

/// Long sequences: warps of the form for few rows take several blocks of keys each.
TEST_F(GpuCachedAttention, MatchesTheReferenceOnLongSequences) {
  for (const char *element : {"f32", "bf16"})
    for (Form form : kForms) {
      CacheShape s = kShapes[2].with(element, element);
      Sequence a = sequence(s, 1100), b = sequence(s, 513);
      expectReference(*GpuKernel::create(s.text(form)), form, s,
                      {{&a, 1099, 1100}, {&b, 511, 513}});
    }
}

/// A row gives the same bits alone, in a chunk that starts inside a page, and between batch mates.
TEST_F(GpuCachedAttention, RowsDependOnTheirSequenceOnly) {
  for (const char *element : {"f32", "bf16"})
    for (Form form : kForms) {
      CacheShape s = kShapes[0].with(element, element);
      auto kernel = GpuKernel::create(s.text(form));
      Sequence a = sequence(s, 150), b = sequence(s, 40);
      std::vector<float> whole = run(*kernel, s, layOut(s, {{&a, 0, 150}}));
      for (auto [begin, end] : {std::pair<int64_t, int64_t>{60, 68}, {64, 65}, {149, 150}}) {
        std::vector<float> alone = run(*kernel, s, layOut(s, {{&a, begin, end}}));
        std::vector<float> batch =
            run(*kernel, s, layOut(s, {{&b, 33, 40}, {&a, begin, end}, {&b, 5, 6}}));
        auto expected = whole.begin() + begin * s.columns();
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), expected)) << s.describe() << begin;
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), batch.begin() + 7 * s.columns()))
            << s.describe() << begin;
      }
    }
}

/// One more block of keys for each warp, everything else equal: what is more comes from the loop
/// over keys.
TEST_F(GpuCachedAttention, LoopOverKeysHasNoBankConflicts) {
  for (const char *element : {"f32", "bf16"})
    for (Form form : kForms)
      for (const CacheShape &shape : kShapes) {
        // The form for few rows promises this for the heads of released models.
        if (form == Form::FewRows && shape.headDim != 128)
          continue;
        CacheShape s = shape.with(element, element);
        auto kernel = GpuKernel::create(s.text(form));
        auto conflicts = [&](int64_t tokens) {
          Sequence a = sequence(s, tokens);
          Call call = layOut(s, {{&a, tokens - 1, tokens}});
          std::vector<GpuBuffer> memory = buffers(s, call);
          return kernel->launch(memory, scalars(call), call.rows()).sharedBankConflicts;
        };
        EXPECT_EQ(conflicts(512), conflicts(1024)) << s.describe();
      }
}

/// A batch of last tokens around the bounds of pages, of blocks and of the turn of all splits,
/// which have two blocks each, one, or none.
TEST_F(GpuSplitAttention, MatchesTheReferenceOnRaggedBatches) {
  constexpr int64_t kLengths[] = {1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 330, 384};
  for (const CacheShape &shape : kShapes)
    for (const char *element : {"f32", "bf16"}) {
      CacheShape s = shape.with(element, element);
      Sequence tokens = sequence(s, kLengths[std::size(kLengths) - 1]);
      std::vector<CallPart> parts;
      for (int64_t length : kLengths)
        parts.push_back({&tokens, length - 1, length});
      expectReference(kernels(s, 3), s, parts);
    }
}

/// As many splits as the compiler makes, several rows of a sequence, and widened operands.
TEST_F(GpuSplitAttention, MatchesTheReferenceOnManySplits) {
  for (auto [element, cache] :
       {std::pair{"f32", "f32"}, {"bf16", "bf16"}, {"f32", "bf16"}, {"bf16", "f32"}})
    for (int64_t splits : {1, 32, 64, 70}) {
      CacheShape s = kShapes[2].with(element, cache);
      Sequence a = sequence(s, 1100), b = sequence(s, 66);
      expectReference(kernels(s, splits), s, {{&a, 1099, 1100}, {&b, 63, 66}});
    }
}

/// What lies between the two kernels is what the op says.
TEST_F(GpuSplitAttention, SplitsMatchTheReference) {
  for (const CacheShape &shape : {kShapes[0], kShapes[2]})
    for (const char *element : {"f32", "bf16"}) {
      CacheShape s = shape.with(element, element);
      Kernels both = kernels(s, 4);
      Sequence a = sequence(s, 150), b = sequence(s, 300);
      std::vector<CallPart> parts{{&a, 149, 150}, {&b, 299, 300}};
      Call call = layOut(s, parts);
      std::vector<GpuBuffer> memory = splitBuffers(both, s, call);
      both.attend->run(memory, splitScalars(call), call.rows());
      std::span<float> weights = memory[memory.size() - 2].as<float>();
      std::span<float> output = memory.back().as<float>();
      auto reference = evaluate(s.splitsText(4), s, parts, call);
      // Nothing is rounded to bf16 here; its exponents are off by 2^-22 and a maximum by two
      // roundings.
      double error = AttentionErrors{s.headDim, false, false}.bound(0) + 0x1p-21;
      for (size_t head = 0; head < weights.size() / 2; ++head) {
        double maximum = reference[0][2 * head], sum = reference[0][2 * head + 1];
        if (sum == 0) {
          EXPECT_EQ(weights[2 * head], -std::numeric_limits<float>::infinity());
          EXPECT_EQ(weights[2 * head + 1], 0);
          continue;
        }
        EXPECT_NEAR(weights[2 * head], maximum, error * (1 + std::abs(maximum))) << s.describe();
        EXPECT_NEAR(weights[2 * head + 1], sum, error * (1 + sum)) << s.describe();
        for (int64_t i = 0; i < s.headDim; ++i)
          EXPECT_NEAR(output[head * s.headDim + i], reference[1][head * s.headDim + i],
                      error * (1 + sum))
              << s.describe();
      }
    }
}

/// A row gives the same bits alone and between batch mates, longer ones among them.
TEST_F(GpuSplitAttention, RowsDependOnTheirSequenceOnly) {
  for (const char *element : {"f32", "bf16"}) {
    CacheShape s = kShapes[0].with(element, element);
    Kernels both = kernels(s, 4);
    Sequence a = sequence(s, 300), b = sequence(s, 700);
    for (int64_t token : {0, 63, 64, 255, 256, 299}) {
      std::vector<float> alone = run(both, s, layOut(s, {{&a, token, token + 1}}));
      std::vector<float> batch =
          run(both, s, layOut(s, {{&b, 0, 1}, {&a, token, token + 1}, {&b, 699, 700}}));
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), batch.begin() + s.columns()))
          << s.describe() << ", token " << token;
    }
  }
}

/// Two turns of all splits more than one cost no conflict, and joining has none.
TEST_F(GpuSplitAttention, HasNoBankConflictsPerKey) {
  for (const char *element : {"f32", "bf16"}) {
    CacheShape s = kShapes[2].with(element, element);
    Kernels both = kernels(s, 32);
    auto conflicts = [&](int64_t tokens) {
      Sequence a = sequence(s, tokens);
      Call call = layOut(s, {{&a, tokens - 1, tokens}});
      std::vector<GpuBuffer> splits = splitBuffers(both, s, call);
      uint64_t count =
          both.attend->launch(splits, splitScalars(call), call.rows()).sharedBankConflicts;
      std::vector<GpuBuffer> memory = mergeBuffers(s, call, splits);
      std::vector<int64_t> rows(3, call.rows());
      EXPECT_EQ(both.merge->launch(memory, rows, call.rows()).sharedBankConflicts, 0u)
          << s.describe();
      return count;
    };
    EXPECT_EQ(conflicts(2048), conflicts(3 * 2048)) << s.describe();
  }
}

} // namespace
} // namespace qvl::test
