// Loops over the elements of a row.
#pragma once

#include "lib/Codegen/Rows/RowFrame.h"

namespace mlir::qvl {

/// Elements of one full vector of a row.
inline constexpr int64_t kChunk = 32;

/// Emits work on a row of the input for results whose rows take `group` rows of it each: nothing
/// for rows behind the last whole group, which belong to no row of the result.
void forRowsOfWholeGroups(RowFrame &frame, Value row, int64_t group, function_ref<void()> emit);

/// The address of row `row` of a matrix of `columns` columns at `base`.
Value rowPointer(ImplicitLocOpBuilder &b, Type element, Value base, Value row, int64_t columns);

/// Copies `count` elements; both addresses are multiples of `unit` elements of their buffers.
void copyElements(RowFrame &frame, Type element, Value from, Value to, int64_t count, int64_t unit);
/// Copies `count` elements and converts them.
void convertElements(RowFrame &frame, Type fromElement, Value from, Type toElement, Value to,
                     int64_t count, int64_t unit);
/// Copies one vector of `width` elements and converts them.
void convertVector(RowFrame &frame, Type fromElement, Value from, Type toElement, Value to,
                   int64_t width);

/// Stores a vector that belongs to a chunk.
void storeVector(RowFrame &frame, Value vector, Value to);

/// `value`, a float or a vector of floats, with elements of type `element`; narrowing rounds to
/// nearest even.
Value convertFloat(ImplicitLocOpBuilder &b, Value value, Type element);

} // namespace mlir::qvl
