// How parts of an artifact are written.
#pragma once

#include "qvlfmt/artifact_generated.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace qvlinspect {

/// The text of an artifact without control characters, which a terminal would obey. A name longer
/// than any real one is cut: it may occur a thousand times.
std::string printable(std::string_view text);
std::string printable(const flatbuffers::String *text);

/// "f32", "bf16", ...; "?" for an element type that this version does not know.
std::string elementText(qvlfmt::ElementType element);

/// "f32 flat", or the panels: "bf16 [12][64][32][2]" for [pad_n / n][pad_k / k][n][k].
std::string encodingText(const qvlfmt::Encoding &encoding);

/// "384 x 128"; "scalar" for rank 0.
std::string shapeText(const flatbuffers::Vector<std::int64_t> *shape);

} // namespace qvlinspect
