// compileX86 as a whole: what the shared object exports and needs, reproducible bytes, dumps,
// errors.

#include "KernelFixture.h"

#include "lib/Codegen/X86/KernelLowering.h"

#include "mlir/Parser/Parser.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <gmock/gmock.h>

namespace qvl::test {
namespace {

using mlir::qvl::compileX86;
using mlir::qvl::X86FeatureSet;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr const char *kTwoKernels = R"(
func.func @project(%x: tensor<?x64xf32>, %w: tensor<96x64xbf16>
    {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 96, pad_k = 64>}) -> tensor<?x96xf32> {
  %y = qvl.linear %x, %w : tensor<?x64xf32>, tensor<96x64xbf16> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
func.func private @attend(%q: tensor<?x2x32xf32>, %s: tensor<?xi32>) -> tensor<?x64xf32> {
  %r = qvl.attention %q, %q, %q segments(%s) {scale = 0.2 : f64} : tensor<?x2x32xf32>, tensor<?xi32> -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}
)";

class CompileX86 : public testing::Test {
protected:
  CompileX86() {
    mlir::DialectRegistry registry;
    mlir::qvl::registerX86CodegenDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.getDiagEngine().registerHandler(
        [&](mlir::Diagnostic &diagnostic) { messages += diagnostic.str(); });
  }

  std::vector<mlir::func::FuncOp> parse(const std::string &text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    auto functions = module->getOps<mlir::func::FuncOp>();
    return {functions.begin(), functions.end()};
  }

  /// The error of a kernel that does not compile.
  std::string errorOf(const std::string &text) {
    EXPECT_TRUE(mlir::failed(compileX86(parse(text), *X86FeatureSet::named("v3"))));
    return messages;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string messages;
};

TEST_F(CompileX86, ExportsTheKernelsAndNeedsNoLibrary) {
  auto bytes = compileX86(parse(kTwoKernels), *X86FeatureSet::named("v4"));
  ASSERT_TRUE(mlir::succeeded(bytes)) << messages;
  auto file = llvm::cantFail(
      llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(*bytes, "kernels.so")));
  auto *elf = llvm::cast<llvm::object::ELF64LEObjectFile>(file.get());
  std::vector<std::string> exported, needed;
  for (llvm::object::ELFSymbolRef symbol : elf->getDynamicSymbolIterators()) {
    bool defined = !(llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined);
    (defined ? exported : needed).push_back(llvm::cantFail(symbol.getName()).str());
  }
  EXPECT_THAT(exported, UnorderedElementsAre("project", "attend"));
  EXPECT_THAT(needed, testing::Each(testing::AnyOf("memcpy", "memset", "memmove", "")));
  for (const auto &entry : llvm::cantFail(elf->getELFFile().dynamicEntries()))
    EXPECT_NE(entry.getTag(), llvm::ELF::DT_NEEDED);
}

TEST_F(CompileX86, GivesEqualBytesForEqualInputAndLeavesItUnchanged) {
  auto kernels = parse(kTwoKernels);
  std::string before, after;
  llvm::raw_string_ostream(before) << *module;
  auto first = compileX86(kernels, *X86FeatureSet::named("v4"));
  auto second = compileX86(kernels, *X86FeatureSet::named("v4"));
  llvm::raw_string_ostream(after) << *module;
  ASSERT_TRUE(mlir::succeeded(first) && mlir::succeeded(second));
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(before, after);
}

TEST_F(CompileX86, GivesEqualBytesOnOneThreadAndOnMany) {
  auto kernels = parse(kTwoKernels);
  auto many = compileX86(kernels, *X86FeatureSet::named("v4"));
  context.disableMultithreading();
  auto one = compileX86(kernels, *X86FeatureSet::named("v4"));
  ASSERT_TRUE(mlir::succeeded(many) && mlir::succeeded(one));
  EXPECT_EQ(*many, *one);
}

TEST_F(CompileX86, CodeOfAFeatureSetStaysInsideIt) {
  for (bool avx512 : {false, true}) {
    llvm::SmallString<128> directory;
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("qvl-dump", directory));
    std::string name = avx512 ? "v4" : "v3";
    ASSERT_TRUE(mlir::succeeded(
        compileX86(parse(kTwoKernels), *X86FeatureSet::named(name), {directory.str().str()})));
    for (std::string kernel : {"project", "attend"}) {
      for (std::string extension : {"mlir", "ll", "s"})
        EXPECT_TRUE(llvm::sys::fs::exists(directory + "/" + kernel + "." + name + "." + extension));
      auto code = llvm::MemoryBuffer::getFile(directory + "/" + kernel + "." + name + ".s");
      ASSERT_TRUE(bool(code));
      EXPECT_THAT((*code)->getBuffer().str(), HasSubstr("vfmadd"));
      EXPECT_EQ((*code)->getBuffer().contains("%zmm"), avx512) << kernel;
    }
    llvm::sys::fs::remove_directories(directory);
  }
}

TEST_F(CompileX86, MultipliesPairsOfBf16WhereBothOperandsAreBf16) {
  constexpr const char *text = R"(
func.func @narrow(%x: tensor<?x64xbf16>, %w: tensor<96x64xbf16>
    {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 96, pad_k = 64>}) -> tensor<?x96xbf16> {
  %y = qvl.linear %x, %w : tensor<?x64xbf16>, tensor<96x64xbf16> -> tensor<?x96xbf16>
  return %y : tensor<?x96xbf16>
}
func.func @wide(%x: tensor<?x64xf32>, %w: tensor<96x64xbf16>
    {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 96, pad_k = 64>}) -> tensor<?x96xf32> {
  %y = qvl.linear %x, %w : tensor<?x64xf32>, tensor<96x64xbf16> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
)";
  const X86FeatureSet level = *X86FeatureSet::named("v4"),
                      extended = *X86FeatureSet::named("v4+bf16");
  auto kernels = parse(text);
  EXPECT_TRUE(hasOwnCode(kernels[0], level) && hasOwnCode(kernels[1], level));
  EXPECT_TRUE(hasOwnCode(kernels[0], extended));
  EXPECT_FALSE(hasOwnCode(kernels[1], extended));
  EXPECT_FALSE(hasOwnCode(kernels[0], *X86FeatureSet::named("v4+vnni")));
  llvm::SmallString<128> directory;
  ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("qvl-dump", directory));
  for (const X86FeatureSet &features : {level, extended})
    ASSERT_TRUE(mlir::succeeded(compileX86(kernels, features, {directory.str().str()})));
  auto hasDots = [&](llvm::StringRef file) {
    return llvm::cantFail(llvm::errorOrToExpected(llvm::MemoryBuffer::getFile(directory + file)))
        ->getBuffer()
        .contains("vdpbf16ps");
  };
  EXPECT_TRUE(hasDots("/narrow.v4+bf16.s"));
  EXPECT_FALSE(hasDots("/narrow.v4.s") || hasDots("/wide.v4+bf16.s"));
  llvm::sys::fs::remove_directories(directory);
}

TEST_F(CompileX86, NamesWhatItCannotCompile) {
  EXPECT_THAT(
      errorOf("func.func @k(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> {\n"
              "  %y = qvl.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>\n"
              "  return %y : tensor<?x32xf32>\n}\n"),
      HasSubstr("needs a weight in"));
  EXPECT_THAT(
      errorOf("func.func @k(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {\n"
              "  %y = qvl.silu %x : tensor<?x64xf32>\n  %z = qvl.silu %y : tensor<?x64xf32>\n"
              "  return %z : tensor<?x64xf32>\n}\n"),
      HasSubstr("one qvl op"));
}

TEST_F(CompileX86, LintFindsCallsOfTheMathLibrary) {
  llvm::LLVMContext llvmContext;
  llvm::SMDiagnostic error;
  auto ir =
      llvm::parseAssemblyString("target triple = \"x86_64-unknown-linux-gnu\"\n"
                                "declare float @llvm.exp.f32(float)\n"
                                "define float @k(float %x) {\n"
                                "  %y = call float @llvm.exp.f32(float %x)\n  ret float %y\n}\n",
                                error, llvmContext);
  ASSERT_TRUE(ir) << error.getMessage().str();
  const X86FeatureSet &features = X86FeatureSet::all().front();
  auto object = mlir::qvl::generateCode(*ir, features, mlir::qvl::CodeForm::Object);
  ASSERT_TRUE(mlir::succeeded(object));
  EXPECT_TRUE(mlir::failed(mlir::qvl::lintSymbols(*object, mlir::UnknownLoc::get(&context))));
  EXPECT_THAT(messages, HasSubstr("would call 'expf'"));
}

TEST_F(CompileX86, LintFindsStackMemoryInALoop) {
  llvm::LLVMContext llvmContext;
  llvm::SMDiagnostic error;
  auto ir = llvm::parseAssemblyString(
      "define void @k() {\nentry:\n  br label %loop\nloop:\n"
      "  %p = alloca i64\n  store volatile i64 0, ptr %p\n  br label %loop\n}\n",
      error, llvmContext);
  ASSERT_TRUE(ir) << error.getMessage().str();
  EXPECT_TRUE(mlir::failed(mlir::qvl::lintStack(*ir, mlir::UnknownLoc::get(&context))));
  EXPECT_THAT(messages, HasSubstr("'k' would allocate stack memory"));
}

TEST(X86FeatureSets, AreNamedAsInTheArtifact) {
  for (const X86FeatureSet &set : X86FeatureSet::all())
    EXPECT_EQ(X86FeatureSet::named(set.name)->cpu, set.cpu);
  EXPECT_FALSE(X86FeatureSet::named("v5").has_value());
}

} // namespace
} // namespace qvl::test
