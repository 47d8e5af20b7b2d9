// Diagnostics that blame the system, not the module: a full disk, no temporary directory.
#pragma once

#include "mlir/IR/Diagnostics.h"

#include <system_error>

namespace mlir::qvl {

/// Emits "PATH: ACTION: <text of error>" as an error or a warning that `isSystemFailure` knows.
/// Fails always.
LogicalResult emitSystemFailure(Location location, DiagnosticSeverity severity, StringRef path,
                                StringRef action, std::error_code error);

/// Whether a diagnostic comes from `emitSystemFailure`.
bool isSystemFailure(Diagnostic &diagnostic);

} // namespace mlir::qvl
