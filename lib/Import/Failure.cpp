#include "qvl/Import/Failure.h"

#include "llvm/Support/raw_ostream.h"

using namespace qvl;

char Failure::ID = 0;

llvm::Error qvl::badInput(llvm::StringRef file, const llvm::Twine &cause) {
  return llvm::make_error<Failure>(FailureKind::BadInput, (file + ": " + cause).str());
}

llvm::Error qvl::systemFailure(llvm::StringRef file, llvm::StringRef action,
                               std::error_code error) {
  return llvm::make_error<Failure>(FailureKind::System,
                                   (file + ": " + action + ": " + error.message()).str());
}

llvm::Error qvl::internalFailure(llvm::StringRef file, const llvm::Twine &cause) {
  return llvm::make_error<Failure>(FailureKind::Internal, (file + ": " + cause).str());
}

FailureKind qvl::failureKind(const llvm::Error &error) {
  FailureKind kind = FailureKind::BadInput;
  llvm::visitErrors(error, [&](const llvm::ErrorInfoBase &info) {
    if (info.isA<Failure>())
      kind = static_cast<const Failure &>(info).getKind();
  });
  return kind;
}
