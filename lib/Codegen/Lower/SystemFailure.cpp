// Diagnostics that blame the system. Metadata, which nothing prints, tells them from others.

#include "qvl/Codegen/SystemFailure.h"

#include "llvm/ADT/STLExtras.h"

namespace mlir::qvl {

static constexpr StringLiteral kMark = "qvl.system-failure";

LogicalResult emitSystemFailure(Location location, DiagnosticSeverity severity, StringRef path,
                                StringRef action, std::error_code error) {
  InFlightDiagnostic diagnostic =
      severity == DiagnosticSeverity::Error ? emitError(location) : emitWarning(location);
  diagnostic << path << ": " << action << ": " << error.message();
  diagnostic.getUnderlyingDiagnostic()->getMetadata().emplace_back(kMark);
  return failure();
}

bool isSystemFailure(Diagnostic &diagnostic) {
  return llvm::any_of(diagnostic.getMetadata(), [](const DiagnosticArgument &argument) {
    return argument.getKind() == DiagnosticArgument::DiagnosticArgumentKind::String &&
           argument.getAsString() == kMark;
  });
}

} // namespace mlir::qvl
