// Runs a row kernel and the reference interpreter on the same operands.
#pragma once

#include "KernelFixture.h"
#include "qvl/Reference/Interpreter.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace qvl::test {

/// A tensor type with the sizes of one run: `element` is f32, bf16, i32 or i64, and dimension
/// `dynamic` is `?` in the type (no dimension when -1, as for weights).
struct TensorForm {
  std::string element;
  std::vector<int64_t> shape;
  int dynamic = 0;

  std::string type() const;
  int64_t size() const;
  size_t bytes() const;
};

/// An operand as both sides see it.
struct Operand {
  TensorForm form;
  std::vector<double> values; ///< logical elements, exact in `form.element`
  /// The stored form of a weight; empty for tensors, whose memory is their elements in order.
  std::vector<std::byte> stored = {};

  GuardedBuffer memory() const;
};

/// Elements of memory of type `element` as doubles, and the other way round.
std::vector<double> readElements(const GuardedBuffer &buffer, const std::string &element);
std::vector<std::byte> writeElements(std::span<const double> values, const std::string &element);

/// A kernel function on operands.
struct RowCase {
  std::string text; ///< one function, `@kernel`
  std::vector<Operand> operands;
  std::vector<TensorForm> results;
  int64_t gridRows; ///< rows of the dimension that the grid covers
};

/// The largest allowed distance of a result from the reference value.
using Tolerance = std::function<double(double reference)>;
Tolerance exactly();
/// `count` units of the last place of f32, and at least `absolute`.
Tolerance ulps(double count, double absolute = 0);

/// Spacing of f32 numbers at `value`.
double ulpOf(double value);

class RowKernel : public KernelTest {
protected:
  /// Runs the whole grid at once, then in pieces of one and of two tiles, which must give the same
  /// bits.
  std::vector<std::vector<double>> run(const CompiledKernel &kernel, const RowCase &c);
  /// run(), compared with the interpreter in f64, rounded to the element type of the result.
  void check(const CompiledKernel &kernel, const RowCase &c, const Tolerance &tolerance);

  /// An operand of values in [-1, 1) that `form.element` can hold.
  Operand randomOperand(TensorForm form);
  /// Whole numbers below `limit`.
  Operand randomIndices(TensorForm form, int64_t limit);

private:
  std::vector<GuardedBuffer> runPieces(const CompiledKernel &kernel, const RowCase &c,
                                       int64_t piece);
};

/// Row counts around the tile of 16 rows.
inline constexpr int64_t kRowCounts[] = {0, 1, 15, 16, 17, 33};

} // namespace qvl::test
