#include "Errors.h"

#include "qvl/Import/Failure.h"
#include "qvlrt/exit_code.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

namespace qvlref {

namespace {

/// A status of the LLVM-free half.
class StatusError : public llvm::ErrorInfo<StatusError> {
public:
  static char ID;
  explicit StatusError(absl::Status status) : status(std::move(status)) {}
  int exitCode() const { return qvlrt::exitCodeOf(status); }
  void log(llvm::raw_ostream &os) const override {
    os << llvm::StringRef(status.message().data(), status.message().size());
  }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

private:
  absl::Status status;
};
char StatusError::ID = 0;

/// Stands for a diagnostic that was printed.
class ReportedError : public llvm::ErrorInfo<ReportedError> {
public:
  static char ID;
  void log(llvm::raw_ostream &os) const override { os << "reported above"; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }
};
char ReportedError::ID = 0;

/// Names of files may hold line breaks, but an error is one line.
void printLine(const llvm::ErrorInfoBase &error) {
  std::string line = error.message();
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  llvm::errs() << "qvl-reference: error: " << line << "\n";
}

} // namespace

llvm::Error fromStatus(const absl::Status &status) { return llvm::make_error<StatusError>(status); }

llvm::Error alreadyReported() { return llvm::make_error<ReportedError>(); }

int report(llvm::Error error) {
  int code = qvlrt::kExitBadInput;
  llvm::handleAllErrors(
      std::move(error), [](const ReportedError &) {},
      [&](const StatusError &status) {
        printLine(status);
        code = status.exitCode();
      },
      [&](const ::qvl::Failure &failure) {
        printLine(failure);
        if (failure.getKind() == ::qvl::FailureKind::System)
          code = qvlrt::kExitSystemFailed;
      },
      [](const llvm::ErrorInfoBase &other) { printLine(other); });
  return code;
}

} // namespace qvlref
