// What the tests of single ops share: run a function text, look at its tensor or at its diagnostic.
#pragma once

#include "qvl/Reference/Interpreter.h"

#include "mlir/IR/Diagnostics.h"
#include "gmock/gmock.h"

namespace mlir::qvl::reference {

/// Runs function texts and keeps what they say.
class Evaluation : public ::testing::Test {
protected:
  /// The results of the text's function.
  FailureOr<std::vector<RuntimeValue>> run(StringRef text, std::vector<RuntimeValue> arguments,
                                           Precision precision = Precision::F64) {
    diagnostics.clear();
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { diagnostics += diagnostic.str() + "\n"; });
    return evaluateText(text, arguments, precision, "", &context);
  }

  /// The single tensor the text's function returns; an empty one, and a test failure, otherwise.
  Tensor tensor(StringRef text, std::vector<RuntimeValue> arguments,
                Precision precision = Precision::F64) {
    FailureOr<std::vector<RuntimeValue>> results = run(text, std::move(arguments), precision);
    if (failed(results) || results->size() != 1) {
      ADD_FAILURE() << diagnostics;
      return Tensor({0});
    }
    return std::get<Tensor>(results->front());
  }

  /// The diagnostic of a run that must fail.
  std::string error(StringRef text, std::vector<RuntimeValue> arguments) {
    EXPECT_TRUE(failed(run(text, std::move(arguments))));
    return diagnostics;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::string diagnostics;
};

/// Values within `tolerance` of `expected`.
inline auto near(std::vector<double> expected, double tolerance) {
  std::vector<::testing::Matcher<double>> matchers;
  for (double value : expected)
    matchers.push_back(::testing::DoubleNear(value, tolerance));
  return ::testing::ElementsAreArray(matchers);
}

} // namespace mlir::qvl::reference
