// Size expressions of programs as text.
#include "Names.h"
#include "SizeText.h"

#include "TestArtifacts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlinspect {
namespace {

using qvlfmt::SizeOp;
using qvlrt::test::ProgramBuilder;
using ::testing::ElementsAre;
using ::testing::Pair;

/// The text of a program that `builder` holds; the flatbuffer lives as long.
class PackedProgram {
public:
  explicit PackedProgram(ProgramBuilder &builder) {
    const std::unique_ptr<qvlfmt::ProgramT> program = builder.take();
    buffer.Finish(qvlfmt::Program::Pack(buffer, program.get()));
  }
  const qvlfmt::Program &program() const {
    return *flatbuffers::GetRoot<qvlfmt::Program>(buffer.GetBufferPointer());
  }

private:
  flatbuffers::FlatBufferBuilder buffer;
};

TEST(SizeTextTest, NamesDimensionsByTheCallingConvention) {
  ProgramBuilder vision("vision"), prefill("prefill");
  for (ProgramBuilder *builder : {&vision, &prefill}) {
    builder->argument("positions", qvlfmt::ElementType::I32, {3, -1});
    builder->argument("row_offsets", qvlfmt::ElementType::I32, {-1});
    builder->argument("mask", qvlfmt::ElementType::F32, {-1, 4});
  }
  const PackedProgram first(vision), second(prefill);
  const SizeText names(second.program());
  const auto type = [&](std::uint32_t argument) {
    return names.type(*second.program().buffers()->Get(argument));
  };
  EXPECT_EQ(type(0), "i32[3,T]");
  EXPECT_EQ(type(1), "i32[B+1]");
  EXPECT_EQ(type(2), "f32[mask.0,4]");
  EXPECT_THAT(names.definitions(),
              ElementsAre(Pair("T", "positions[1]"), Pair("B+1", "row_offsets[0]"),
                          Pair("mask.0", "mask[0]")));
  EXPECT_EQ(SizeText(first.program()).type(*first.program().buffers()->Get(0)), "i32[3,P]");
}

TEST(SizeTextTest, ParenthesesKeepTheOrderOfOperations) {
  ProgramBuilder b("prefill");
  b.argument("row_offsets", qvlfmt::ElementType::I32, {-1});
  const std::uint32_t bound = b.dim(0, 0), two = b.constant(2), minus = b.constant(-3);
  const std::uint32_t product = b.size(SizeOp::Mul, bound, two);
  const std::uint32_t sum = b.size(SizeOp::Add, two, product);
  const std::uint32_t difference = b.size(SizeOp::Sub, two, sum);
  const std::uint32_t scaled = b.size(SizeOp::Mul, minus, difference);
  const std::uint32_t tiles = b.size(SizeOp::CeilDiv, sum, two);
  const std::uint32_t capped = b.size(SizeOp::Min, tiles, two);
  const PackedProgram packed(b);
  const SizeText sizes(packed.program());
  EXPECT_EQ(sizes.of(product), "(B+1)*2");
  EXPECT_EQ(sizes.of(sum), "2+(B+1)*2");
  EXPECT_EQ(sizes.of(difference), "2-(2+(B+1)*2)");
  EXPECT_EQ(sizes.of(scaled), "(-3)*(2-(2+(B+1)*2))");
  EXPECT_EQ(sizes.of(capped), "min(ceildiv(2+(B+1)*2,2),2)");
}

TEST(SizeTextTest, SharedExpressionsDoNotGrowWithoutBound) {
  ProgramBuilder b("prefill");
  b.argument("ids", qvlfmt::ElementType::I32, {-1});
  std::uint32_t node = b.dim(0, 0);
  for (int i = 0; i < 1000; ++i) // written out: 2^1000 letters
    node = b.size(SizeOp::Add, node, node);
  const PackedProgram packed(b);
  const SizeText sizes(packed.program());
  std::size_t longest = 0;
  for (const auto &[name, meaning] : sizes.definitions())
    longest = std::max(longest, meaning.size());
  EXPECT_LT(sizes.of(node).size(), 200u);
  EXPECT_LT(longest, 200u);
  EXPECT_GT(sizes.definitions().size(), 100u);
}

TEST(NamesTest, ControlCharactersAndLongNamesDoNotReachTheTerminal) {
  EXPECT_EQ(printable(std::string_view("a\x1b[2Jb\n\x7f")), "a?[2Jb??");
  EXPECT_EQ(printable(std::string_view("größe")), "größe");
  EXPECT_LT(printable(std::string_view(std::string(100000, 'x'))).size(), 1000u);
  EXPECT_EQ(printable(static_cast<const flatbuffers::String *>(nullptr)), "");
}

} // namespace
} // namespace qvlinspect
