// The walk over a function: arguments, parameters, probes, precision, and what it refuses.

#include "Evaluation.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

class InterpreterTest : public Evaluation {
protected:
  /// Parses a module that stays alive in the fixture, and gives its first function.
  func::FuncOp parse(StringRef text) {
    context.loadDialect<QvlDialect, func::FuncDialect, arith::ArithDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
    return *module->getOps<func::FuncOp>().begin();
  }
  OwningOpRef<ModuleOp> module;
};

constexpr StringLiteral kScaled = R"(
  qvl.parameter @norm.weight : tensor<2xf32>
  func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %w = qvl.load @norm.weight : tensor<2xf32>
    %y = qvl.add %x, %x : tensor<?x2xf32> loc("model.double")
    %z = qvl.rms_norm %y, %w {eps = 1.0e-6 : f64} : tensor<?x2xf32>, tensor<2xf32> -> tensor<?x2xf32> loc("model.norm")
    return %z : tensor<?x2xf32>
  })";

TEST_F(InterpreterTest, AsksForEachParameterOnce) {
  func::FuncOp function = parse(kScaled);
  int asked = 0;
  Interpreter interpreter(
      Precision::F64, [&](ParameterOp parameter, StringRef, RankedTensorType) -> FailureOr<Tensor> {
        EXPECT_EQ(parameter.getSymName(), "norm.weight");
        ++asked;
        return Tensor({2}, {1, 2});
      });
  for (int step = 0; step < 2; ++step) {
    auto results = interpreter.run(function, {Tensor({1, 2}, {3, 3})});
    ASSERT_TRUE(succeeded(results));
    EXPECT_THAT(std::get<Tensor>(results->front()).values, near({1, 2}, 1e-6));
  }
  EXPECT_EQ(asked, 1);
}

TEST_F(InterpreterTest, ProbesResultsByLocation) {
  func::FuncOp function = parse(kScaled);
  std::vector<std::string> names;
  Interpreter interpreter(
      Precision::F64,
      [](ParameterOp, StringRef, RankedTensorType) -> FailureOr<Tensor> {
        return Tensor({2}, {1, 2});
      },
      [&](StringRef name, OpResult, const Tensor &value) {
        names.push_back(name.str());
        EXPECT_THAT(value.shape, ElementsAre(3, 2));
        return success();
      });
  ASSERT_TRUE(succeeded(interpreter.run(function, {Tensor({3, 2}, {1, 2, 3, 4, 5, 6})})));
  EXPECT_THAT(names, ElementsAre("model.double", "model.norm"));
}

TEST_F(InterpreterTest, RefusesParametersItCannotHave) {
  EXPECT_THAT(error(kScaled, {Tensor({1, 2})}), HasSubstr("needs parameter 'norm.weight'"));
}

TEST_F(InterpreterTest, RefusesParametersOfAnotherShape) {
  func::FuncOp function = parse(kScaled);
  ScopedDiagnosticHandler handler(&context,
                                  [&](Diagnostic &diagnostic) { diagnostics += diagnostic.str(); });
  Interpreter interpreter(
      Precision::F64,
      [](ParameterOp, StringRef, RankedTensorType) -> FailureOr<Tensor> { return Tensor({3}); });
  EXPECT_TRUE(failed(interpreter.run(function, {Tensor({1, 2})})));
  EXPECT_THAT(diagnostics, HasSubstr("has 3 values of shape [3]"));
}

constexpr StringLiteral kRecipe = R"(
  qvl.parameter @joined : tensor<3x2xf32> recipe(#qvl.concat<["upper", "lower"], rows = [2, 1]>)
  func.func @f() -> tensor<3x2xf32> {
    %w = qvl.load @joined : tensor<3x2xf32>
    return %w : tensor<3x2xf32>
  })";

// Each source is asked for with the rows that the recipe takes from it.
TEST_F(InterpreterTest, ConcatenatesTheSourcesOfARecipe) {
  func::FuncOp function = parse(kRecipe);
  std::vector<std::string> names;
  Interpreter interpreter(
      Precision::F64, [&](ParameterOp, StringRef name, RankedTensorType type) -> FailureOr<Tensor> {
        names.push_back(name.str());
        Tensor tensor(type.getShape().vec());
        llvm::fill(tensor.values, static_cast<double>(names.size()));
        return tensor;
      });
  auto results = interpreter.run(function, {});
  ASSERT_TRUE(succeeded(results));
  EXPECT_THAT(names, ElementsAre("upper", "lower"));
  EXPECT_THAT(std::get<Tensor>(results->front()).shape, ElementsAre(3, 2));
  EXPECT_THAT(std::get<Tensor>(results->front()).values, ElementsAre(1, 1, 1, 1, 2, 2));
}

// Sources whose rows only sum up to the parameter's are not what the recipe says.
TEST_F(InterpreterTest, RefusesSourcesOfAnotherShape) {
  func::FuncOp function = parse(kRecipe);
  ScopedDiagnosticHandler handler(&context,
                                  [&](Diagnostic &diagnostic) { diagnostics += diagnostic.str(); });
  Interpreter interpreter(Precision::F64,
                          [](ParameterOp, StringRef name, RankedTensorType) -> FailureOr<Tensor> {
                            return Tensor({name == "upper" ? 1 : 2, 2});
                          });
  EXPECT_TRUE(failed(interpreter.run(function, {})));
  EXPECT_THAT(diagnostics, HasSubstr("source 'upper' of type 'tensor<2x2xf32>' has 2 values"));
}

constexpr StringLiteral kNestedRecipe = R"(
  qvl.parameter @made : tensor<3x5xf32> recipe(#qvl.pad<
      #qvl.sum<#qvl.convert<"w", tensor<2x8xbf16>>, tensor<2x8xf32>, axes = [2, 2, 2]>, tensor<2x4xf32>>)
  func.func @f() -> tensor<3x5xf32> {
    %w = qvl.load @made : tensor<3x5xf32>
    return %w : tensor<3x5xf32>
  })";

TEST_F(InterpreterTest, PadsAndAddsAndConverts) {
  func::FuncOp function = parse(kNestedRecipe);
  Interpreter interpreter(Precision::F64, [](ParameterOp, StringRef name, RankedTensorType type) {
    EXPECT_EQ(name, "w");
    EXPECT_TRUE(type.getElementType().isBF16());
    Tensor tensor(type.getShape().vec());
    for (auto [i, value] : llvm::enumerate(tensor.values))
      value = static_cast<double>(i);
    return FailureOr<Tensor>(tensor);
  });
  auto results = interpreter.run(function, {});
  ASSERT_TRUE(succeeded(results));
  EXPECT_THAT(std::get<Tensor>(results->front()).values,
              ElementsAre(0 + 2, 1 + 3, 4 + 6, 5 + 7, 0, 8 + 10, 9 + 11, 12 + 14, 13 + 15, 0, 0, 0,
                          0, 0, 0));
}

constexpr StringLiteral kAdd = R"(
  func.func @f(%x: tensor<?x2xf32>, %y: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %z = qvl.add %x, %y : tensor<?x2xf32>
    return %z : tensor<?x2xf32>
  })";

TEST_F(InterpreterTest, RefusesArguments) {
  Tensor good({1, 2});
  EXPECT_THAT(error(kAdd, {good}), HasSubstr("takes 2 arguments, got 1"));
  EXPECT_THAT(error(kAdd, {good, Tensor({1, 3})}),
              HasSubstr("argument 1 of type 'tensor<?x2xf32>' has 3 values of shape [1, 3]"));
  EXPECT_THAT(error(kAdd, {good, Tensor({2, 2}, {1.0})}), HasSubstr("has 1 values"));
  EXPECT_THAT(error(kAdd, {good, Tensor({2, 2})}), HasSubstr("rhs has 2 rows instead of 1"));
}

TEST_F(InterpreterTest, RefusesOpsOfOtherDialects) {
  EXPECT_THAT(error(R"(func.func @f(%x: f32) -> f32 {
    %y = arith.addf %x, %x : f32
    return %y : f32
  })",
                    {Tensor({}, {1.0})}),
              HasSubstr("unknown to the reference interpreter"));
}

// 1 + 2^-30 needs more than the 24 bits of f32, and 1 + 2^-10 more than the 8 bits of bf16.
TEST_F(InterpreterTest, RoundsByPrecisionAndType) {
  Tensor one({1, 2}, {1, 1}), small({1, 2}, {0x1p-30, 0x1p-10});
  EXPECT_THAT(tensor(kAdd, {one, small}, Precision::F64).values,
              ElementsAre(1 + 0x1p-30, 1 + 0x1p-10));
  EXPECT_THAT(tensor(kAdd, {one, small}, Precision::F32).values, ElementsAre(1, 1 + 0x1p-10));
  EXPECT_THAT(tensor(R"(
    func.func @f(%x: tensor<?x2xbf16>, %y: tensor<?x2xbf16>) -> tensor<?x2xbf16> {
      %z = qvl.add %x, %y : tensor<?x2xbf16>
      return %z : tensor<?x2xbf16>
    })",
                     {one, small}, Precision::F64)
                  .values,
              ElementsAre(1, 1));
}

} // namespace
