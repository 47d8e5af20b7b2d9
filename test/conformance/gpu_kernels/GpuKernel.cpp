#include "GpuKernel.h"

#include "qvl/Codegen/NVPTX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cstring>

namespace qvl::test {

std::unique_ptr<GpuKernel> GpuKernel::create(const std::string &text, const std::string &chip) {
  mlir::DialectRegistry registry;
  mlir::qvl::registerNVPTXCodegenDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  auto source = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(source) << text;
  auto function = *source->getOps<mlir::func::FuncOp>().begin();
  auto grid = mlir::qvl::tileGrid(function, mlir::qvl::TargetKind::Cuda);
  auto ptx = mlir::qvl::compileNVPTX(function, *mlir::qvl::NVPTXChip::named(chip));
  EXPECT_TRUE(mlir::succeeded(grid) && mlir::succeeded(ptx)) << text;
  auto kernel = std::make_unique<GpuKernel>();
  if (mlir::failed(grid) || mlir::failed(ptx))
    return kernel;
  kernel->grid = *grid;
  kernel->sharedBytes = mlir::qvl::scratchBytes(function, mlir::qvl::TargetKind::Cuda);
  kernel->ptx = *ptx;
  auto module = qvlsim::Module::parse(kernel->ptx, function.getName().str() + ".ptx");
  EXPECT_TRUE(module.ok()) << module.status() << "\n" << kernel->ptx;
  if (module.ok())
    kernel->module = *module;
  return kernel;
}

qvlsim::Counts GpuKernel::launch(std::span<GpuBuffer> buffers, std::span<const int64_t> scalars,
                                 int64_t rows, const GpuSchedule &schedule) const {
  if (!module) {
    ADD_FAILURE() << "there is no kernel to launch";
    return {};
  }
  const qvlsim::KernelInfo &kernel = module->kernels().front();
  qvlsim::DeviceMemory memory;
  auto instance = qvlsim::ModuleInstance::create(module, memory);
  EXPECT_TRUE(instance.ok()) << instance.status();
  std::vector<uint64_t> parameters;
  for (GpuBuffer &buffer : buffers) {
    parameters.push_back(*memory.allocate(buffer.bytes.size()));
    if (!buffer.isResult)
      EXPECT_TRUE(memory.write(parameters.back(), buffer.bytes).ok());
  }
  parameters.insert(parameters.end(), scalars.begin(), scalars.end());
  auto bytes = std::as_bytes(std::span<const uint64_t>(parameters));
  EXPECT_EQ(bytes.size(), kernel.parameterBytes) << "buffers and scalars do not fit the kernel";
  qvlsim::LaunchOptions options;
  int64_t tiles = (rows + grid.rowsPerTile - 1) / grid.rowsPerTile * grid.columnTiles;
  options.grid = {static_cast<uint32_t>(tiles), 1, 1};
  options.block = kernel.requiredBlock;
  options.dynamicSharedBytes = static_cast<uint32_t>(sharedBytes);
  options.async = schedule.async;
  options.seed = schedule.seed;
  options.count = true;
  qvlsim::LaunchResult result;
  if (tiles > 0)
    result = qvlsim::launch(**instance, kernel.name, bytes, memory, options);
  EXPECT_FALSE(result.fault) << result.fault->toString();
  for (size_t i = 0; i < buffers.size(); ++i)
    EXPECT_TRUE(memory.read(parameters[i], buffers[i].bytes).ok());
  return result.counts;
}

void GpuKernel::run(std::span<GpuBuffer> buffers, std::span<const int64_t> scalars,
                    int64_t rows) const {
  std::vector<GpuBuffer> first;
  for (const GpuSchedule &schedule : kGpuSchedules) {
    std::vector<GpuBuffer> copy(buffers.begin(), buffers.end());
    launch(copy, scalars, rows, schedule);
    for (size_t i = 0; i < first.size(); ++i)
      EXPECT_EQ(first[i].bytes, copy[i].bytes) << "buffer " << i << " depends on the schedule";
    if (first.empty())
      first = std::move(copy);
  }
  std::move(first.begin(), first.end(), buffers.begin());
}

} // namespace qvl::test
