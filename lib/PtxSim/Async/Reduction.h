// Element-wise reductions of cp.reduce.async.bulk.
#pragma once

#include "Parse/Types.h"

#include <cstddef>
#include <cstdint>

namespace qvlsim {

enum class Reduction : std::uint8_t { Add, Min, Max, Increment, Decrement, And, Or, Xor, None };

/// destination[e] = reduction(destination[e], source[e]), each element atomically.
void reduceElements(Reduction reduction, Type type, std::byte *destination, const std::byte *source,
                    std::size_t count);

/// Whether the ISA has this combination (PTX ISA 9.0, section 9.7.9.25.4.2).
bool reductionExists(Reduction reduction, Type type);

} // namespace qvlsim
