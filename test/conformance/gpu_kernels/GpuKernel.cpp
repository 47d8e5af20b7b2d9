#include "GpuKernel.h"

#include "qvlsim/TensorMap.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>

namespace qvl::test {

namespace {

/// The map of a buffer, as the driver makes it.
std::array<std::byte, qvlsim::kTensorMapBytes>
encode(const mlir::qvl::TensorMapShape &shape, uint64_t address, std::span<const int64_t> scalars) {
  constexpr int bfloat16 = 9; // CUtensorMapDataType
  qvlsim::TensorMapArguments arguments{.dataType = bfloat16,
                                       .rank = static_cast<uint32_t>(shape.sizes.size()),
                                       .globalAddress = address};
  EXPECT_TRUE(shape.element.isBF16());
  uint64_t bytes = sizeof(uint16_t);
  for (size_t i = 0; i < shape.sizes.size(); ++i) {
    bool isDynamic = mlir::ShapedType::isDynamic(shape.sizes[i]);
    EXPECT_TRUE(!isDynamic || i + 1 == shape.sizes.size()) << "strides are static";
    arguments.dims[i] = isDynamic ? scalars[shape.scalar] : shape.sizes[i];
    arguments.box[i] = shape.box[i];
    arguments.elementStrides[i] = 1;
    if (i > 0)
      arguments.strides[i - 1] = bytes;
    bytes *= arguments.dims[i];
  }
  arguments.swizzle = std::countr_zero(static_cast<uint64_t>(shape.swizzleBytes)) - 4;
  std::array<std::byte, qvlsim::kTensorMapBytes> map{};
  absl::Status status = qvlsim::encodeTensorMap(arguments, map);
  EXPECT_TRUE(status.ok()) << status;
  return map;
}

void append(std::vector<std::byte> &bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

} // namespace

std::unique_ptr<GpuKernel> GpuKernel::create(const std::string &text, const std::string &chipName) {
  mlir::DialectRegistry registry;
  mlir::qvl::registerNVPTXCodegenDialects(registry);
  auto kernel = std::make_unique<GpuKernel>();
  kernel->context = std::make_unique<mlir::MLIRContext>(registry);
  kernel->context->loadAllAvailableDialects();
  mlir::qvl::NVPTXChip chip = *mlir::qvl::NVPTXChip::named(chipName);
  auto source = mlir::parseSourceString<mlir::ModuleOp>(text, kernel->context.get());
  EXPECT_TRUE(source) << text;
  auto function = *source->getOps<mlir::func::FuncOp>().begin();
  auto grid = mlir::qvl::tileGrid(function, mlir::qvl::TargetKind::Cuda);
  auto ptx = mlir::qvl::compileNVPTX(function, chip);
  EXPECT_TRUE(mlir::succeeded(grid) && mlir::succeeded(ptx)) << text;
  if (mlir::failed(grid) || mlir::failed(ptx))
    return kernel;
  kernel->grid = *grid;
  kernel->name = function.getName().str();
  kernel->sharedBytes = mlir::qvl::scratchBytes(function, mlir::qvl::TargetKind::Cuda);
  kernel->wide = mlir::qvl::wideForm(function, chip);
  kernel->ptx = *ptx;
  auto module = qvlsim::Module::parse(kernel->ptx, kernel->name + ".ptx");
  EXPECT_TRUE(module.ok()) << module.status() << "\n" << kernel->ptx;
  if (module.ok())
    kernel->module = *module;
  return kernel;
}

qvlsim::Counts GpuKernel::launch(std::span<GpuBuffer> buffers, std::span<const int64_t> scalars,
                                 int64_t rows, const GpuSchedule &schedule) const {
  return launchSound(narrowForm(), buffers, scalars, rows, schedule);
}

qvlsim::Counts GpuKernel::launchWide(std::span<GpuBuffer> buffers, std::span<const int64_t> scalars,
                                     int64_t rows, const GpuSchedule &schedule) const {
  EXPECT_TRUE(wide) << "the kernel has no wide form";
  return wide ? launchSound(formOf(*wide), buffers, scalars, rows, schedule) : qvlsim::Counts();
}

qvlsim::LaunchResult GpuKernel::launchWideMutant(const std::string &text,
                                                 std::span<GpuBuffer> buffers,
                                                 std::span<const int64_t> scalars, int64_t rows,
                                                 const GpuSchedule &schedule) const {
  Form form = formOf(*wide);
  auto parsed = qvlsim::Module::parse(text, name + ".ptx");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  form.module = parsed.ok() ? *parsed : nullptr;
  return launchForm(form, buffers, scalars, rows, schedule);
}

qvlsim::Counts GpuKernel::launchSound(const Form &form, std::span<GpuBuffer> buffers,
                                      std::span<const int64_t> scalars, int64_t rows,
                                      const GpuSchedule &schedule) const {
  qvlsim::LaunchResult result = launchForm(form, buffers, scalars, rows, schedule);
  EXPECT_FALSE(result.fault) << result.fault->toString();
  return result.counts;
}

qvlsim::LaunchResult GpuKernel::launchForm(const Form &form, std::span<GpuBuffer> buffers,
                                           std::span<const int64_t> scalars, int64_t rows,
                                           const GpuSchedule &schedule) const {
  auto isNamed = [&](const qvlsim::KernelInfo &info) { return info.name == form.name; };
  if (!form.module || std::ranges::none_of(form.module->kernels(), isNamed)) {
    ADD_FAILURE() << "there is no kernel to launch";
    return {};
  }
  const qvlsim::KernelInfo &kernel = *std::ranges::find_if(form.module->kernels(), isNamed);
  int64_t tiles = (rows + grid.rowsPerTile - 1) / grid.rowsPerTile * grid.columnTiles;
  if (tiles == 0)
    return {};
  qvlsim::DeviceMemory memory;
  auto instance = qvlsim::ModuleInstance::create(form.module, memory);
  EXPECT_TRUE(instance.ok()) << instance.status();
  std::vector<uint64_t> addresses;
  for (GpuBuffer &buffer : buffers) {
    addresses.push_back(*memory.allocate(buffer.bytes.size()));
    if (!buffer.isResult)
      EXPECT_TRUE(memory.write(addresses.back(), buffer.bytes).ok());
  }
  std::vector<std::byte> parameters;
  append(parameters, std::as_bytes(std::span<const uint64_t>(addresses)));
  append(parameters, std::as_bytes(scalars));
  for (const mlir::qvl::TensorMapShape &map : form.maps) {
    parameters.resize((parameters.size() + 63) / 64 * 64); // their alignment
    append(parameters, encode(map, addresses[map.buffer], scalars));
  }
  EXPECT_EQ(parameters.size(), kernel.parameterBytes)
      << "buffers and scalars do not fit the kernel";
  qvlsim::LaunchOptions options;
  options.grid = {static_cast<uint32_t>(tiles), 1, 1};
  options.block = kernel.requiredBlock;
  options.dynamicSharedBytes = static_cast<uint32_t>(form.sharedBytes);
  options.async = schedule.async;
  options.seed = schedule.seed;
  options.count = true;
  qvlsim::LaunchResult result = qvlsim::launch(**instance, form.name, parameters, memory, options);
  for (size_t i = 0; i < buffers.size(); ++i)
    EXPECT_TRUE(memory.read(addresses[i], buffers[i].bytes).ok());
  return result;
}

void GpuKernel::run(std::span<GpuBuffer> buffers, std::span<const int64_t> scalars,
                    int64_t rows) const {
  std::vector<GpuBuffer> first;
  for (const GpuSchedule &schedule : kGpuSchedules)
    for (bool isWide : {false, true}) {
      if (isWide && !wide)
        continue;
      std::vector<GpuBuffer> copy(buffers.begin(), buffers.end());
      isWide ? launchWide(copy, scalars, rows, schedule) : launch(copy, scalars, rows, schedule);
      for (size_t i = 0; i < first.size(); ++i)
        EXPECT_EQ(first[i].bytes, copy[i].bytes)
            << "buffer " << i << " depends on the schedule" << (isWide ? " or the form" : "");
      if (first.empty())
        first = std::move(copy);
    }
  std::move(first.begin(), first.end(), buffers.begin());
}

} // namespace qvl::test
