// The error that importing a checkpoint and writing an artifact report.
#pragma once

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>
#include <system_error>

namespace qvl {

/// Who can mend a failure; tools map the kind to their exit code.
enum class FailureKind {
  BadInput, ///< A file is malformed, unsupported, missing or not permitted: exit code 1.
  System,   ///< The system failed: disk full, no memory, I/O error: exit code 4.
  Internal, ///< This program contradicts itself: exit code 3.
};

/// One line that names the file, the cause and, where there is one, the way out.
class Failure : public llvm::ErrorInfo<Failure> {
public:
  static char ID;

  Failure(FailureKind kind, std::string message) : kind(kind), message(std::move(message)) {}

  FailureKind getKind() const { return kind; }
  llvm::StringRef getMessage() const { return message; }

  void log(llvm::raw_ostream &os) const override { os << message; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

private:
  FailureKind kind;
  std::string message;
};

/// "FILE: CAUSE" of kind BadInput.
llvm::Error badInput(llvm::StringRef file, const llvm::Twine &cause);

/// "FILE: ACTION: <text of error>" of kind System, or of kind BadInput when the error is that of a
/// path: nothing there, no permission.
llvm::Error systemFailure(llvm::StringRef file, llvm::StringRef action, std::error_code error);

/// "FILE: CAUSE" of kind Internal.
llvm::Error internalFailure(llvm::StringRef file, const llvm::Twine &cause);

/// The kind of a failure; errors of other classes count as BadInput.
FailureKind failureKind(const llvm::Error &error);

} // namespace qvl
