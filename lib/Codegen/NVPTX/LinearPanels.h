// The weights of a projection as the tiles of thread blocks see them: panels, and the columns of
// the result in them.
#pragma once

#include "../Emit/Projection.h"
#include "LinearTiles.h"

namespace mlir::qvl {

/// How panels hold the columns of the result.
struct PanelColumns {
  /// Whether two weights take turns in each panel, in blocks of 8 rows.
  bool arePairs;

  explicit PanelColumns(PanelAttr panel) : arePairs(panel && panel.getInterleave() > 0) {}

  /// Weights that a column of the result combines.
  int64_t weights() const { return arePairs ? 2 : 1; }
  /// Columns of the result in one panel.
  int64_t perPanel() const { return kPanelColumns / weights(); }
  /// Neighbouring columns of the result whose sums a lane holds after matrix instructions have read
  /// the quads of laneQuad().
  int64_t perLane() const { return 8 / weights(); }
  /// The quad (four columns) of a panel line that lanes of number `n` in [0, 8) read. Numbers 2i
  /// and 2i + 1 end in one lane: quads that follow each other in the panel, or one of each weight
  /// for the same columns of the result.
  Value laneQuad(ImplicitLocOpBuilder &b, Value n) const;
};

/// Rows of a block where two weights take turns: the only form that the emitters know.
inline constexpr int64_t kPairBlock = 8;

/// The panels of one tile, numbered by slots.
class TilePanels {
public:
  TilePanels(ImplicitLocOpBuilder &b, const Projection &projection, const LinearTile &tile,
             Value columnTile);

  /// The first line of the panel in a slot. Behind the last panel it is the last one's, whose
  /// columns are then computed twice and not stored.
  Value lines(ImplicitLocOpBuilder &b, Value slot) const;
  /// Lines of a panel.
  int64_t lineCount() const { return panel.getPadK() / panel.getKGroup(); }
  const PanelColumns &columns() const { return panelColumns; }

private:
  PanelAttr panel;
  PanelColumns panelColumns;
  Value weight, firstPanel;
};

/// Loads a quad of a panel line: a vector<4xf32> for each k of the line.
SmallVector<Value> loadPanelQuad(ImplicitLocOpBuilder &b, Value pointer, PanelAttr panel);
/// A quad's pairs of bf16 (vector<4xi32>) as two vectors<4xf32>, one for each k.
SmallVector<Value> widenPairs(ImplicitLocOpBuilder &b, Value words);

/// The place of quad `quad` of a line in shared memory: a line fills all banks, and lanes that read
/// different lines or panels at once must meet in none. With `line` modulo 4 going through {0, 3,
/// 4, 7} the quads q and q + 1 of four lines fill the banks, and so do q and q + 2; odd slots go by
/// two.
Value swizzledQuad(ImplicitLocOpBuilder &b, Value quad, Value line, Value slot);

} // namespace mlir::qvl
