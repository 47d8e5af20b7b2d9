// Packing of checkpoint tensors into the panels of an artifact.
#pragma once

#include "qvl/Artifact/Artifact.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace qvl {

/// Verifies that `weight` can be stored: shape, sources, recipe and encoding agree, sources without
/// a recipe are of one element type, and storing it loses nothing (BF16 to bf16; BF16, F16 or F32
/// to f32). Returns the bytes of the stored form.
llvm::Expected<uint64_t> storedBytes(const WeightDescription &weight);

/// Streams the stored form of a verified weight in order, reading each source once. A matrix
/// becomes [pad_n / n][pad_k / k_group][n][k_group] with zeros outside [N, K], or, with
/// `interleave` rows in a block, the panels of its two halves in turns; a vector is widened in
/// place. Memory: about twice `blockBytes`, once more for each level of the recipe that changes
/// rows, and at least one row of panels.
llvm::Error packWeight(const WeightDescription &weight, TensorReader &reader, uint64_t blockBytes,
                       llvm::function_ref<llvm::Error(llvm::ArrayRef<char>)> sink);

} // namespace qvl
