// The programs that an entry function becomes (attribute qvl.programs).
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::qvl {

/// The names of the programs that a function becomes: those of kProgramsAttr, else its own.
SmallVector<StringRef> programNames(func::FuncOp function);

/// The function that becomes `program`, one of programNames(function), and nothing else: `function`
/// itself, or a copy behind it, named FUNCTION_PROGRAM, whose program `function` gives up.
func::FuncOp separateProgram(func::FuncOp function, StringRef program);

} // namespace mlir::qvl
