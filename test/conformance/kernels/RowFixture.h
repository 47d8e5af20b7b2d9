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

  std::vector<std::byte> memory() const;
};

/// Elements of memory of type `element` as doubles, and the other way round.
std::vector<double> readElements(std::span<const std::byte> memory, const std::string &element);
std::vector<std::byte> writeElements(std::span<const double> values, const std::string &element);

/// A kernel function on operands.
struct RowCase {
  std::string text; ///< one function, `@kernel`
  std::vector<Operand> operands;
  std::vector<TensorForm> results;
  int64_t gridRows; ///< rows of the dimension that the grid covers
  /// Values of the index arguments.
  std::vector<int64_t> indices = {};
  /// The operand that the kernel updates in place: a cache, as its elements in memory.
  std::optional<size_t> updated = {};

  /// The scalars of a launch (include/qvlfmt/KernelAbi.h).
  std::vector<int64_t> scalars() const;
};

/// A kernel function compiled for one target.
class RowProgram {
public:
  virtual ~RowProgram() = default;
  /// Runs the whole grid in every way that the target has, which must give the same bits: the
  /// elements of each result and, behind them, of the updated operand.
  virtual std::vector<std::vector<double>> run(const RowCase &c) const = 0;
};

/// Compiles the function of `text` for a feature set or chip; test failures on error. A test binary
/// links one of X86RowProgram.cpp and GpuRowProgram.cpp.
std::unique_ptr<RowProgram> compileRowProgram(const std::string &text, const std::string &features);

/// The largest allowed distance of a result from the reference value.
using Tolerance = std::function<double(double reference)>;
Tolerance exactly();
/// `count` units of the last place of f32, and at least `absolute`.
Tolerance ulps(double count, double absolute = 0);

/// Spacing of f32 numbers at `value`.
double ulpOf(double value);

class RowKernel : public KernelTest {
protected:
  /// Compiles for the target of the test.
  std::unique_ptr<RowProgram> compile(const std::string &text) const {
    return compileRowProgram(text, GetParam());
  }
  bool isOnGpu() const { return GetParam().starts_with("sm_"); }
  std::vector<std::vector<double>> run(const RowProgram &kernel, const RowCase &c) {
    return kernel.run(c);
  }
  /// run(), compared with the interpreter in f64, rounded to the element type of the result.
  void check(const RowProgram &kernel, const RowCase &c, const Tolerance &tolerance);

  /// An operand of values in [-1, 1) that `form.element` can hold.
  Operand randomOperand(TensorForm form);
  /// Whole numbers below `limit`.
  Operand randomIndices(TensorForm form, int64_t limit);
};

/// Row counts around the tile of 16 rows.
inline constexpr int64_t kRowCounts[] = {0, 1, 15, 16, 17, 33};

} // namespace qvl::test
