// The qvl dialect, gathered from one file per group of ops.
#ifndef QVL_TD
#define QVL_TD

include "dialects/qvl/IR/QvlBase.td"
include "dialects/qvl/IR/QvlRecipes.td"
include "dialects/qvl/IR/QvlParameterOps.td"
include "dialects/qvl/IR/QvlRowOps.td"
include "dialects/qvl/IR/QvlDenseOps.td"
include "dialects/qvl/IR/QvlPositionOps.td"
include "dialects/qvl/IR/QvlAttentionOps.td"
include "dialects/qvl/IR/QvlFusedOps.td"
include "dialects/qvl/IR/QvlSamplingOps.td"

#endif // QVL_TD
