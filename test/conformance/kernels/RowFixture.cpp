#include "RowFixture.h"

#include <cmath>
#include <cstring>
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

template <typename T> void extend(std::vector<double> &values, const GuardedBuffer &buffer) {
  for (T element : buffer.as<T>())
    values.push_back(static_cast<double>(element));
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

GuardedBuffer Operand::memory() const {
  std::vector<std::byte> bytes = stored.empty() ? writeElements(values, form.element) : stored;
  return GuardedBuffer::of<std::byte>(bytes);
}

std::vector<double> readElements(const GuardedBuffer &buffer, const std::string &element) {
  std::vector<double> values;
  if (element == "f32")
    extend<float>(values, buffer);
  else if (element == "i32")
    extend<int32_t>(values, buffer);
  else if (element == "i64")
    extend<int64_t>(values, buffer);
  else
    for (uint16_t bits : buffer.as<uint16_t>())
      values.push_back(fromBf16(bits));
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

std::vector<GuardedBuffer> RowKernel::runPieces(const CompiledKernel &kernel, const RowCase &c,
                                                int64_t piece) {
  std::vector<GuardedBuffer> operands, results;
  std::vector<void *> buffers;
  std::vector<int64_t> scalars;
  auto pass = [&](const TensorForm &form, std::vector<GuardedBuffer> &owner, GuardedBuffer memory) {
    owner.push_back(std::move(memory));
    buffers.push_back(owner.back().data());
    if (form.dynamic >= 0)
      scalars.push_back(form.shape[form.dynamic]);
  };
  for (const Operand &operand : c.operands)
    pass(operand.form, operands, operand.memory());
  for (const TensorForm &form : c.results)
    pass(form, results, GuardedBuffer(form.bytes()));
  int64_t tiles = kernel.tiles(c.gridRows);
  for (int64_t begin = 0; begin < tiles; begin += piece)
    kernel.run(buffers, scalars, begin, std::min(tiles, begin + piece));
  for (const GuardedBuffer &buffer : operands)
    EXPECT_TRUE(buffer.intact());
  for (const GuardedBuffer &buffer : results)
    EXPECT_TRUE(buffer.intact());
  return results;
}

std::vector<std::vector<double>> RowKernel::run(const CompiledKernel &kernel, const RowCase &c) {
  std::vector<GuardedBuffer> whole = runPieces(kernel, c, 1 << 20);
  for (int64_t piece : {1, 2}) {
    std::vector<GuardedBuffer> parts = runPieces(kernel, c, piece);
    for (size_t i = 0; i < whole.size(); ++i)
      EXPECT_EQ(std::memcmp(whole[i].data(), parts[i].data(), whole[i].size()), 0)
          << "pieces of " << piece << " tiles change result " << i;
  }
  std::vector<std::vector<double>> results;
  for (size_t i = 0; i < whole.size(); ++i)
    results.push_back(readElements(whole[i], c.results[i].element));
  return results;
}

void RowKernel::check(const CompiledKernel &kernel, const RowCase &c, const Tolerance &tolerance) {
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
