// Parameters from safetensors files: exact widening, and what is refused.

#include "Evaluation.h"

#include "qvl/Reference/CheckpointParameters.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <filesystem>
#include <fstream>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

/// A checkpoint of one tensor in a folder of its own.
class CheckpointParametersTest : public Evaluation {
protected:
  void SetUp() override {
    context.loadDialect<QvlDialect>();
    folder = ::testing::TempDir() + "/qvl-reference-" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// Writes tensor "w" of `dtype` with the little-endian elements `data`; `missing` bytes are cut
  /// off.
  template <typename T>
  void write(const std::string &dtype, const std::string &shape, std::vector<T> data,
             size_t missing = 0) {
    size_t bytes = data.size() * sizeof(T);
    std::string header = R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape +
                         R"(,"data_offsets":[0,)" + std::to_string(bytes) + "]}}";
    uint64_t length = header.size();
    std::ofstream file(folder + "/model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char *>(&length), sizeof(length));
    file << header;
    file.write(reinterpret_cast<const char *>(data.data()),
               static_cast<std::streamsize>(bytes - missing));
  }

  /// The values of the parameter declared by `text`; empty, with diagnostics, when refused.
  std::vector<double> read(StringRef text) {
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { diagnostics += diagnostic.str(); });
    auto checkpoint = ::qvl::Checkpoint::open(folder);
    if (!checkpoint) {
      diagnostics = llvm::toString(checkpoint.takeError());
      return {};
    }
    auto module = parseSourceString<ModuleOp>(text, &context);
    ParameterOp op = *module->getOps<ParameterOp>().begin();
    auto [name, type] = op.getSourceTensors().front();
    FailureOr<Tensor> tensor = checkpointParameters(*checkpoint)(op, name, type);
    return succeeded(tensor) ? tensor->values : std::vector<double>();
  }

  std::string folder;
};

TEST_F(CheckpointParametersTest, WidensExactly) {
  write<float>("F32", "[2,1]", {1.5f, -0x1p-140f}); // A subnormal of f32 is a normal double.
  EXPECT_THAT(read("qvl.parameter @w : tensor<2x1xf32>"), ElementsAre(1.5, -0x1p-140));
  write<uint16_t>("BF16", "[2]", {0x3F80, 0xC049});
  EXPECT_THAT(read("qvl.parameter @w : tensor<2xbf16>"), ElementsAre(1, -3.140625));
  write<uint16_t>("F16", "[2]", {0x3C01, 0x8001});
  EXPECT_THAT(read("qvl.parameter @w : tensor<2xf16>"), ElementsAre(1 + 0x1p-10, -0x1p-24));
}

TEST_F(CheckpointParametersTest, FlattensConvolutions) {
  write<float>("F32", "[1,1,2,1,2]", {1, 2, 3, 4});
  EXPECT_THAT(read("qvl.parameter @w : tensor<1x4xf32>"), ElementsAre(1, 2, 3, 4));
}

TEST_F(CheckpointParametersTest, FindsTheSourceName) {
  write<float>("F32", "[1]", {7});
  EXPECT_THAT(read("qvl.parameter @other : tensor<1xf32> source(\"w\")"), ElementsAre(7));
  EXPECT_THAT(read("qvl.parameter @other : tensor<1xf32>"), IsEmpty());
  EXPECT_THAT(diagnostics, HasSubstr("is not in " + folder));
}

TEST_F(CheckpointParametersTest, RefusesOtherTypesAndSizes) {
  write<float>("F32", "[2]", {1, 2});
  EXPECT_THAT(read("qvl.parameter @w : tensor<2xbf16>"), IsEmpty());
  EXPECT_THAT(diagnostics, HasSubstr("as F32 [2]"));
  EXPECT_THAT(read("qvl.parameter @w : tensor<3xf32>"), IsEmpty());
}

TEST_F(CheckpointParametersTest, ReportsTruncatedFiles) {
  write<float>("F32", "[2]", {1, 2}, /*missing=*/1);
  EXPECT_THAT(read("qvl.parameter @w : tensor<2xf32>"), IsEmpty());
  EXPECT_THAT(diagnostics, HasSubstr("model.safetensors"));
}

} // namespace
