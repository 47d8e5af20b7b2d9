// The qvlx dialect: buffers, programs and their commands (see Qvlx*.td).
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/qvlx/IR/QvlxDialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/qvlx/IR/QvlxTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/qvlx/IR/QvlxAttributes.h.inc"
#define GET_OP_CLASSES
#include "dialects/qvlx/IR/QvlxOps.h.inc"
