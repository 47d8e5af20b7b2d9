// Where code generation leaves its steps for readers.
#pragma once

#include <string>

namespace mlir::qvl {

/// Nothing is written when the directory is empty.
struct KernelDumpOptions {
  std::string directory; // receives KERNEL.FEATURES.mlir, .ll, and .s (x86) or .ptx
};

} // namespace mlir::qvl
