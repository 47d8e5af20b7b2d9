// Qwen2.5-VL traced into the qvl dialect: unfused and in raster order, from config.json and tensor
// headers alone.
#pragma once

#include "qvl/Import/Checkpoint.h"
#include "qvl/Import/ModelConfig.h"
#include "qvl/Trace/Tracer.h"

namespace qvl::qwen2_5_vl {

/// Choices of a compile that the traced program depends on.
struct TraceOptions {
  int64_t pageSize = 64; ///< tokens of one KV page
  /// Activations in memory and the KV cache. bf16 rounds where the reference does, once per op
  /// (model specification, sections 6.5 and 7.4); pixels, rotary tables, features and logits are
  /// f32 in any case.
  DType activations = DType::F32;
};

/// The type of an element of `dtype`.
mlir::Type elementType(mlir::MLIRContext &context, DType dtype);

/// Traces @vision: the patch rows of all pictures (or of all clips) of a request to features in
/// raster order.
///
/// pixels f32 [P, patch_row], positions i32 [2, P] (row and column of each patch), window i32 [P/4]
/// (window order of groups of four rows), windows i32 [Sw + 1] and frames i32 [Sf + 1] (cumulative
/// rows) → features f32 [P/4, out_hidden_size]. Model specification, section 6.
mlir::LogicalResult traceVision(mlir::ModuleOp module, const VisionConfig &config,
                                const TraceOptions &options, ParameterSource parameters);

/// Traces @language: tokens of a ragged batch to logits of the chosen rows.
///
/// ids i32 [T], positions i32 [3, T], features f32 [F, hidden_size], feature_rows i32 [T]
/// (negative: use the embedding), row_offsets i32 [B + 1], row_sequence i32 [T], cache_lengths i32
/// [B], block_table i32 [B, pages], slots i64 [T], kv_cache, logit_rows i32 [R] → logits f32 [R,
/// vocab_size]. Model specification, section 7.
mlir::LogicalResult traceLanguage(mlir::ModuleOp module, const TextConfig &config,
                                  const TraceOptions &options, ParameterSource parameters);

/// Traces both functions into a new module. Parameters are declared with the element types of the
/// checkpoint's headers; a tensor that is missing or has another shape is a diagnostic.
mlir::OwningOpRef<mlir::ModuleOp> traceModel(mlir::MLIRContext &context, const ModelConfig &config,
                                             const Checkpoint &checkpoint,
                                             const TraceOptions &options);

/// The same with every parameter of one element type and no checkpoint behind it; for tests and for
/// the interpreter's generated weights.
mlir::OwningOpRef<mlir::ModuleOp> traceModel(mlir::MLIRContext &context, const ModelConfig &config,
                                             mlir::Type element, const TraceOptions &options);

} // namespace qvl::qwen2_5_vl
