// What the compiler hands to the writer of a `.qvl` artifact.
#pragma once

#include "qvl/Import/Checkpoint.h"
#include "qvlfmt/artifact_generated.h"

namespace qvl {

/// One weight of the artifact and the tensor that it is packed from.
struct WeightDescription {
  std::string name;
  Shape shape;               ///< logical: [N, K], or [N] when flat
  qvlfmt::Encoding encoding; ///< panel_n = 0 is flat; then only `element` counts
  TensorInfo source;         ///< as many elements as `shape`; [V, C, T, P, P] counts as [V, K]
};

/// An artifact without its weights' bytes.
struct ArtifactDescription {
  /// Everything but versions and the weight table, which the writer fills in.
  qvlfmt::ArtifactT metadata;
  /// In the order in which they are stored; programs refer to them by index.
  std::vector<WeightDescription> weights;
};

} // namespace qvl
