// The two matrix products of attention on the registers of a warp.
#pragma once

#include "AttentionTiles.h"
#include "BlockFrame.h"

#include <memory>

namespace mlir::qvl {

/// Lane `4 * g + t` of a warp works on two of the warp's 16 lines: g and g + 8.
inline constexpr int64_t kLaneLines = 2;
/// Lanes that share lines.
inline constexpr int64_t kLineLanes = 4;

/// f32 values of a lane, for each of its lines. Value `i` stands for column
/// `kLineLanes * run * (i / run) + run * t + i mod run`: runs of neighbouring columns go round the
/// lanes.
using LineValues = std::array<SmallVector<Value>, kLaneLines>;

/// How the products are computed and in which runs a lane holds their columns. Tiles lie in shared
/// memory as AttentionMemory says; padding columns are zero.
class AttentionForm {
public:
  virtual ~AttentionForm() = default;

  /// Columns of scores are keys, columns of the output are elements of a head.
  virtual int64_t keyRun() const = 0;
  virtual int64_t columnRun() const = 0;

  /// Reads the warp's queries, if this form keeps them in registers: once, in front of all scores.
  virtual void loadQueries() = 0;
  /// Products of the warp's queries and all keys of the tile.
  virtual LineValues scores() = 0;
  /// Adds the products of probabilities and values.
  virtual void addValues(const LineValues &probabilities, LineValues &output) = 0;
};

/// mma.sync on bf16; probabilities are rounded to bf16.
std::unique_ptr<AttentionForm> createTensorCoreForm(BlockFrame &frame,
                                                    const AttentionMemory &memory);
/// Fused multiply-adds in f32 on f32 or bf16 tiles. A score is one chain over ascending head_dim,
/// an output element one chain over ascending keys.
std::unique_ptr<AttentionForm> createFmaForm(BlockFrame &frame, const AttentionMemory &memory);

} // namespace mlir::qvl
