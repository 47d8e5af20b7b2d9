// Sizes and names of element types.
#pragma once

#include "absl/strings/string_view.h"
#include "qvlfmt/artifact_generated.h"

#include <cstdint>
#include <optional>
#include <span>

namespace qvlrt {

/// False for values that a corrupt artifact may hold: the flatbuffer verifier does not check
/// enumerations.
bool isElementType(qvlfmt::ElementType element);

/// Bytes of one element; the type is valid.
std::uint64_t elementBytes(qvlfmt::ElementType element);

/// "f32", "bf16", ...; the type is valid.
absl::string_view elementName(qvlfmt::ElementType element);

/// Bytes of a dense tensor; nothing when a dim is negative or the result passes 2^62.
std::optional<std::uint64_t> tensorBytes(std::span<const std::int64_t> dims,
                                         qvlfmt::ElementType element);

} // namespace qvlrt
