#include "qvl/Import/Failure.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace qvl;

char Failure::ID = 0;

llvm::Error qvl::badInput(llvm::StringRef file, const llvm::Twine &cause) {
  return llvm::make_error<Failure>(FailureKind::BadInput, (file + ": " + cause).str());
}

/// Whether another name or other permissions mend the error, which makes the path a bad input.
static bool isAboutThePath(std::error_code error) {
  static constexpr std::errc kinds[] = {
      std::errc::no_such_file_or_directory,
      std::errc::not_a_directory,
      std::errc::is_a_directory,
      std::errc::permission_denied,
      std::errc::operation_not_permitted,
      std::errc::read_only_file_system,
      std::errc::filename_too_long,
      std::errc::too_many_symbolic_link_levels,
      std::errc::file_exists,
  };
  return llvm::any_of(kinds, [&](std::errc kind) { return error == kind; });
}

llvm::Error qvl::systemFailure(llvm::StringRef file, llvm::StringRef action,
                               std::error_code error) {
  const FailureKind kind = isAboutThePath(error) ? FailureKind::BadInput : FailureKind::System;
  return llvm::make_error<Failure>(kind, (file + ": " + action + ": " + error.message()).str());
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
