// Loops over the elements of a row.
#pragma once

#include "lib/Codegen/Emit/KernelFrame.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// Elements of one full vector of a row; targets split it into their registers.
inline constexpr int64_t kChunk = 32;

/// The loop over [0, count); `emit` is called once with the induction value.
void forEach(ImplicitLocOpBuilder &b, int64_t count, function_ref<void(Value)> emit);

/// Covers [0, count) exactly: a loop of vectors of `chunk` elements, a power of two, and behind it
/// one vector for every power of two in the rest. `emit` is called once for each form.
void forEachChunk(ImplicitLocOpBuilder &b, int64_t count, int64_t chunk,
                  function_ref<void(Value offset, int64_t width)> emit);

/// Emits work on a row of the input for results whose rows take `group` rows of it each: nothing
/// for rows behind the last whole group, which belong to no row of the result.
void forRowsOfWholeGroups(KernelFrame &frame, Value row, int64_t group, function_ref<void()> emit);

/// The address of row `row` of a matrix of `columns` columns at `base`.
Value rowPointer(ImplicitLocOpBuilder &b, Type element, Value base, Value row, int64_t columns);

/// Copies `count` elements.
void copyElements(ImplicitLocOpBuilder &b, Type element, Value from, Value to, int64_t count);
/// Copies `count` elements and converts them.
void convertElements(ImplicitLocOpBuilder &b, Type fromElement, Value from, Type toElement,
                     Value to, int64_t count);

/// `value`, a float or a vector of floats, with elements of type `element`; narrowing rounds to
/// nearest even.
Value convertFloat(ImplicitLocOpBuilder &b, Value value, Type element);

} // namespace mlir::qvl
