// Row programs of tests as PTX in the simulator.

#include "GpuKernel.h"

#include "../kernels/RowFixture.h"

namespace qvl::test {
namespace {

class GpuRowProgram final : public RowProgram {
public:
  explicit GpuRowProgram(std::unique_ptr<GpuKernel> kernel) : kernel(std::move(kernel)) {}

  std::vector<std::vector<double>> run(const RowCase &c) const override {
    std::vector<GpuBuffer> buffers;
    for (const Operand &operand : c.operands)
      buffers.push_back({operand.memory()});
    for (const TensorForm &form : c.results)
      buffers.push_back(GpuBuffer::result(form.bytes()));
    kernel->run(buffers, c.scalars(), c.gridRows);
    std::vector<std::vector<double>> values;
    for (size_t i = 0; i < c.results.size(); ++i)
      values.push_back(readElements(buffers[c.operands.size() + i].bytes, c.results[i].element));
    if (c.updated)
      values.push_back(
          readElements(buffers[*c.updated].bytes, c.operands[*c.updated].form.element));
    return values;
  }

private:
  std::unique_ptr<GpuKernel> kernel;
};

} // namespace

std::unique_ptr<RowProgram> compileRowProgram(const std::string &text,
                                              const std::string &features) {
  return std::make_unique<GpuRowProgram>(GpuKernel::create(text, features));
}

} // namespace qvl::test
