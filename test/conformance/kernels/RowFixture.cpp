#include "RowFixture.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

namespace qvl::test {
namespace {

size_t elementBytes(const std::string &element) {
  return element == "i64" ? 8 : element == "bf16" ? 2 : 4;
}

double roundTo(double value, const std::string &element) {
  if (element == "f32")
    return static_cast<float>(value);
  return element == "bf16" ? fromBf16(toBf16(static_cast<float>(value))) : value;
}

template <typename T> void append(std::vector<std::byte> &bytes, T value) {
  auto *begin = reinterpret_cast<const std::byte *>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof(T));
}

template <typename T, typename Convert>
void extend(std::vector<double> &values, std::span<const std::byte> memory, Convert convert) {
  for (size_t place = 0; place < memory.size(); place += sizeof(T)) {
    T element;
    std::memcpy(&element, memory.data() + place, sizeof(T));
    values.push_back(static_cast<double>(convert(element)));
  }
}

} // namespace

std::string TensorForm::type() const {
  std::string text = "tensor<";
  for (int i = 0; i < static_cast<int>(shape.size()); ++i)
    text += (i == dynamic ? "?" : std::to_string(shape[i])) + "x";
  return text + element + ">";
}

int64_t TensorForm::size() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

size_t TensorForm::bytes() const { return size() * elementBytes(element); }

std::vector<std::byte> Operand::memory() const {
  return stored.empty() ? writeElements(values, form.element) : stored;
}

std::vector<double> readElements(std::span<const std::byte> memory, const std::string &element) {
  std::vector<double> values;
  if (element == "f32")
    extend<float>(values, memory, std::identity());
  else if (element == "i32")
    extend<int32_t>(values, memory, std::identity());
  else if (element == "i64")
    extend<int64_t>(values, memory, std::identity());
  else
    extend<uint16_t>(values, memory, fromBf16);
  return values;
}

std::vector<std::byte> writeElements(std::span<const double> values, const std::string &element) {
  std::vector<std::byte> bytes;
  for (double value : values) {
    if (element == "f32")
      append(bytes, static_cast<float>(value));
    else if (element == "i32")
      append(bytes, static_cast<int32_t>(value));
    else if (element == "i64")
      append(bytes, static_cast<int64_t>(value));
    else
      append(bytes, toBf16(static_cast<float>(value)));
  }
  return bytes;
}

double ulpOf(double value) {
  int exponent = value == 0 ? -126 : std::max(std::ilogb(value), -126);
  return std::ldexp(1.0, exponent - 23);
}

Tolerance exactly() {
  return [](double) { return 0.0; };
}

Tolerance ulps(double count, double absolute) {
  return [=](double reference) { return std::max(count * ulpOf(reference), absolute); };
}

Operand RowKernel::randomOperand(TensorForm form) {
  Operand operand{form, {}};
  for (float value : uniform(form.size()))
    operand.values.push_back(roundTo(value, form.element));
  return operand;
}

Operand RowKernel::randomIndices(TensorForm form, int64_t limit) {
  std::uniform_int_distribution<int64_t> distribution(0, limit - 1);
  Operand operand{form, {}};
  for (int64_t i = 0; i < form.size(); ++i)
    operand.values.push_back(static_cast<double>(distribution(random)));
  return operand;
}

std::vector<int64_t> RowCase::scalars() const {
  std::vector<int64_t> values;
  auto add = [&](const TensorForm &form) {
    if (form.dynamic >= 0)
      values.push_back(form.shape[form.dynamic]);
  };
  for (const Operand &operand : operands)
    add(operand.form);
  std::for_each(results.begin(), results.end(), add);
  values.insert(values.end(), indices.begin(), indices.end());
  return values;
}

void RowKernel::check(const RowProgram &kernel, const RowCase &c, const Tolerance &tolerance) {
  std::vector<mlir::qvl::reference::RuntimeValue> arguments;
  for (const Operand &operand : c.operands)
    arguments.push_back(mlir::qvl::reference::Tensor(operand.form.shape, operand.values));
  auto expected = mlir::qvl::reference::evaluateText(c.text, arguments);
  ASSERT_TRUE(mlir::succeeded(expected)) << c.text;
  std::vector<std::vector<double>> results = run(kernel, c);
  for (size_t i = 0; i < results.size(); ++i) {
    const auto &reference = std::get<mlir::qvl::reference::Tensor>((*expected)[i]);
    ASSERT_EQ(results[i].size(), reference.values.size());
    for (size_t j = 0; j < results[i].size(); ++j) {
      double exact = reference.values[j], value = results[i][j];
      // Equality first: infinities have no distance.
      if (value == roundTo(exact, c.results[i].element))
        continue;
      ASSERT_LE(std::abs(value - exact), tolerance(exact))
          << "result " << i << " element " << j << ": " << value << " for " << exact << "\n"
          << c.text;
    }
  }
}

} // namespace qvl::test
