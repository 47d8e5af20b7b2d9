// Passes between qvl, qvlx and machine code (see Passes.td).
#pragma once

#include "dialects/qvl/IR/Qvl.h"
#include "dialects/qvlx/IR/Qvlx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace qvl {

#define GEN_PASS_DECL
#include "qvl/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "qvl/Conversion/Passes.h.inc"

} // namespace qvl
