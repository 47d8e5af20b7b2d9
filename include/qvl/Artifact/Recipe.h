// How a weight of an artifact is made of tensors of the checkpoint.
#pragma once

#include "qvl/Import/Checkpoint.h"

#include <array>

namespace qvl {

/// A recipe: the tree of the attributes #qvl.concat, #qvl.pad, #qvl.convert and #qvl.sum, with
/// tensors of the checkpoint as leaves. What it makes is a matrix of `rows` by `columns`; a vector
/// has one column.
struct Recipe {
  enum class Kind {
    Source,  ///< a tensor of the checkpoint
    Concat,  ///< the operands one below the other
    Pad,     ///< the operand with zeros behind its rows and columns
    Convert, ///< the operand in f32
    Sum, ///< the slices of the operand's columns [axes[0]][axes[1]][axes[2]], added along axes[1]
  };
  Kind kind = Kind::Source;
  DType element = DType::F32;
  int64_t rows = 0, columns = 0;
  size_t source = 0; ///< of Source: which of the weight's sources
  std::array<int64_t, 3> axes = {};
  std::vector<Recipe> operands; ///< one, but for Source (none) and Concat (any number)
};

} // namespace qvl
