// Tensors of the interpreter as .npy files.
#pragma once

#include "qvl/Reference/Interpreter.h"
#include "llvm/Support/Error.h"

namespace qvlref {

/// Creates a folder and its parents.
llvm::Error createFolder(llvm::StringRef path);

/// Reads a tensor for a value of type `type`: floats from f32 or f64 files (bf16 also from u16
/// ones, as its bits), integers from i32, i64 or u8 ones. Sizes are for the interpreter to check.
llvm::Expected<mlir::qvl::reference::Tensor> readTensor(const std::string &path, mlir::Type type);

/// Writes a tensor: integers as i32 or i64, floats as f64 or f32 by the precision of the run.
llvm::Error writeTensor(const std::string &path, const mlir::qvl::reference::Tensor &tensor,
                        mlir::Type type, mlir::qvl::reference::Precision precision);

} // namespace qvlref
