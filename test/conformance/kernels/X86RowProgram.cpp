// Row programs of tests as machine code in this process.

#include "RowFixture.h"

#include <algorithm>
#include <cstring>

namespace qvl::test {
namespace {

class X86RowProgram final : public RowProgram {
public:
  explicit X86RowProgram(std::unique_ptr<CompiledKernel> kernel) : kernel(std::move(kernel)) {}

  /// All tiles at once, then in pieces of one and of two.
  std::vector<std::vector<double>> run(const RowCase &c) const override {
    std::vector<GuardedBuffer> whole = runPieces(c, 1 << 20);
    for (int64_t piece : {1, 2}) {
      std::vector<GuardedBuffer> parts = runPieces(c, piece);
      for (size_t i = 0; i < whole.size(); ++i)
        EXPECT_EQ(std::memcmp(whole[i].data(), parts[i].data(), whole[i].size()), 0)
            << "pieces of " << piece << " tiles change result " << i;
    }
    std::vector<std::vector<double>> values;
    for (size_t i = 0; i < whole.size(); ++i) {
      const TensorForm &form = i < c.results.size() ? c.results[i] : c.operands[*c.updated].form;
      values.push_back(readElements(whole[i].as<const std::byte>(), form.element));
    }
    return values;
  }

private:
  std::vector<GuardedBuffer> runPieces(const RowCase &c, int64_t piece) const {
    std::vector<GuardedBuffer> operands, results;
    for (const Operand &operand : c.operands)
      operands.push_back(GuardedBuffer::of<std::byte>(operand.memory()));
    for (const TensorForm &form : c.results)
      results.emplace_back(form.bytes());
    std::vector<void *> buffers;
    for (const auto *list : {&operands, &results})
      for (const GuardedBuffer &buffer : *list)
        buffers.push_back(buffer.data());
    std::vector<int64_t> scalars = c.scalars();
    int64_t tiles = kernel->tiles(c.gridRows);
    for (int64_t begin = 0; begin < tiles; begin += piece)
      kernel->run(buffers, scalars, begin, std::min(tiles, begin + piece));
    for (const auto *list : {&operands, &results})
      for (const GuardedBuffer &buffer : *list)
        EXPECT_TRUE(buffer.intact());
    if (c.updated)
      results.push_back(std::move(operands[*c.updated]));
    return results;
  }

  std::unique_ptr<CompiledKernel> kernel;
};

} // namespace

std::unique_ptr<RowProgram> compileRowProgram(const std::string &text,
                                              const std::string &features) {
  return std::make_unique<X86RowProgram>(CompiledKernel::create(text, features));
}

} // namespace qvl::test
