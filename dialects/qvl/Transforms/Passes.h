// Passes of the qvl dialect (see Passes.td).
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::qvl {

#define GEN_PASS_DECL
#include "dialects/qvl/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "dialects/qvl/Transforms/Passes.h.inc"

} // namespace mlir::qvl
