// The qvlx dialect, gathered from one file per group of ops.
#ifndef QVLX_TD
#define QVLX_TD

include "dialects/qvlx/IR/QvlxBase.td"
include "dialects/qvlx/IR/QvlxModuleOps.td"
include "dialects/qvlx/IR/QvlxSizeOps.td"
include "dialects/qvlx/IR/QvlxCommandOps.td"

#endif // QVLX_TD
