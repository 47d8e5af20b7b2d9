// Modules, libraries, functions.
#include "Entry.h"

#include <algorithm>
#include <cstring>

namespace qvlsim::driver {

namespace {

constexpr unsigned char kElfMagic[] = {0x7f, 'E', 'L', 'F'};
constexpr unsigned char kFatbinMagic[] = {0x50, 0xed, 0x55, 0xba};

/// Binary code is refused with the error of a driver that has none for its GPU, so that loaders try
/// their PTX next.
CUresult checkImage(const void *image) {
  const auto *bytes = static_cast<const unsigned char *>(image);
  for (const unsigned char *magic : {kElfMagic, kFatbinMagic})
    // Byte by byte: the text may be shorter.
    if (std::equal(magic, magic + 4, bytes,
                   [](unsigned char wanted, unsigned char found) { return wanted == found; }))
      return CUDA_ERROR_NO_BINARY_FOR_GPU;
  return *bytes == 0 ? CUDA_ERROR_INVALID_IMAGE : CUDA_SUCCESS;
}

/// The error log of a load: a buffer of the caller.
struct JitLog {
  char *text = nullptr;
  std::size_t size = 0;
  void **filled = nullptr; // receives the bytes written

  JitLog(unsigned count, const CUjit_option *options, void **values) {
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
        text = static_cast<char *>(values[i]);
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) {
        size = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(values[i]));
        filled = &values[i];
      }
    }
  }

  void write(std::string_view message) const {
    if (!text || size == 0)
      return;
    std::size_t bytes = std::min(message.size(), size - 1);
    std::memcpy(text, message.data(), bytes);
    text[bytes] = '\0';
    if (filled)
      *filled = reinterpret_cast<void *>(bytes);
  }
};

CUresult load(const void *image, const JitLog &log, std::shared_ptr<LoadedModule> &loaded) {
  if (!image)
    return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = checkImage(image); result != CUDA_SUCCESS)
    return result;
  auto code = Module::parse(static_cast<const char *>(image), "module.ptx");
  if (!code.ok()) {
    log.write(std::string_view(code.status().message().data(), code.status().message().size()));
    return CUDA_ERROR_INVALID_PTX;
  }
  auto instance = ModuleInstance::create(*code, context().memory);
  if (!instance.ok()) {
    log.write(
        std::string_view(instance.status().message().data(), instance.status().message().size()));
    return absl::IsResourceExhausted(instance.status()) ? CUDA_ERROR_OUT_OF_MEMORY
                                                        : CUDA_ERROR_INVALID_PTX;
  }
  loaded = std::make_shared<LoadedModule>();
  loaded->instance = *std::move(instance);
  for (const KernelInfo &kernel : loaded->instance->module().kernels())
    loaded->functions[kernel.name] = {.module = loaded.get(), .info = &kernel};
  return CUDA_SUCCESS;
}

// Modules and libraries differ in their handles only: `table` is that of the context.

template <typename Table, typename Handle>
CUresult addCode(Table &table, Handle *handle, const void *image, const JitLog &log) {
  std::shared_ptr<LoadedModule> loaded;
  if (CUresult result = load(image, log, loaded); result != CUDA_SUCCESS)
    return result;
  *handle = table.add(std::move(loaded));
  return CUDA_SUCCESS;
}

template <typename Table, typename Handle> CUresult removeCode(Table &table, Handle handle) {
  CUresult result = context().synchronizeAll();
  return table.erase(handle) ? result : CUDA_ERROR_INVALID_HANDLE;
}

template <typename FunctionHandle>
CUresult getFunction(FunctionHandle *function, LoadedModule *module, const char *name) {
  if (!function)
    return CUDA_ERROR_INVALID_VALUE;
  *function = nullptr;
  if (!module)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!name)
    return CUDA_ERROR_INVALID_VALUE;
  auto found = module->functions.find(std::string_view(name));
  if (found == module->functions.end())
    return CUDA_ERROR_NOT_FOUND;
  *function = reinterpret_cast<FunctionHandle>(&found->second);
  return CUDA_SUCCESS;
}

CUresult getGlobal(LoadedModule *module, const char *name, CUdeviceptr *address,
                   std::size_t *bytes) {
  if (!module)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!name)
    return CUDA_ERROR_INVALID_VALUE;
  auto globals = module->instance->module().globals();
  for (std::size_t i = 0; i < globals.size(); ++i)
    if (globals[i].name == name) {
      if (address)
        *address = module->instance->address(i);
      if (bytes)
        *bytes = globals[i].size;
      return CUDA_SUCCESS;
    }
  return CUDA_ERROR_NOT_FOUND;
}

} // namespace

Function *findFunction(CUfunction handle, std::shared_ptr<LoadedModule> *owner) {
  auto *wanted = reinterpret_cast<Function *>(handle);
  const auto search = [&](const auto &modules) -> Function * {
    for (const auto &[address, module] : modules)
      for (auto &[name, function] : module->functions)
        if (&function == wanted) {
          if (owner)
            *owner = module;
          return &function;
        }
    return nullptr;
  };
  Function *function = search(context().modules);
  return function ? function : search(context().libraries);
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count,
                            CUjit_option *options, void **values) {
  if (!module || (count > 0 && (!options || !values)))
    return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = context().refuseDuringCapture(); result != CUDA_SUCCESS)
    return result;
  return addCode(context().modules, module, image, JitLog(count, options, values));
}

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

CUresult cuModuleUnload(CUmodule module) { return removeCode(context().modules, module); }

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  return getFunction(function, context().modules.find(module).get(), name);
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, std::size_t *bytes, CUmodule module,
                              const char *name) {
  return getGlobal(context().modules.find(module).get(), name, address, bytes);
}

CUresult cuLibraryLoadData(CUlibrary *library, const void *code, CUjit_option *jitOptions,
                           void **jitValues, unsigned jitCount, CUlibraryOption *, void **,
                           unsigned count) {
  if (!library || count != 0 || (jitCount > 0 && (!jitOptions || !jitValues)))
    return CUDA_ERROR_INVALID_VALUE;
  return addCode(context().libraries, library, code, JitLog(jitCount, jitOptions, jitValues));
}

CUresult cuLibraryUnload(CUlibrary library) { return removeCode(context().libraries, library); }

CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name) {
  return getFunction(kernel, context().libraries.find(library).get(), name);
}

CUresult cuLibraryGetGlobal(CUdeviceptr *address, std::size_t *bytes, CUlibrary library,
                            const char *name) {
  return getGlobal(context().libraries.find(library).get(), name, address, bytes);
}

CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  if (!function)
    return CUDA_ERROR_INVALID_VALUE;
  *function = reinterpret_cast<CUfunction>(kernel); // one device: they are the same
  return findFunction(*function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle) {
  const Function *function = findFunction(handle);
  if (!function)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!value)
    return CUDA_ERROR_INVALID_VALUE;
  const KernelInfo &info = *function->info;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    *value = info.requiredBlock.x != 0 ? static_cast<int>(info.requiredBlock.volume())
             : info.maxThreads.x != 0  ? static_cast<int>(info.maxThreads.volume())
                                       : static_cast<int>(kMaxThreadsPerBlock);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    *value = static_cast<int>(info.staticSharedBytes);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    *value = static_cast<int>(info.localBytes);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_NUM_REGS: // of the text, before any allocation
    *value = static_cast<int>(std::min<std::uint32_t>(info.registers, 255));
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    *value = static_cast<int>(function->maxDynamicShared);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    *value = function->nonPortableCluster;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    *value = 90;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
  case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
    *value = 0;
    return CUDA_SUCCESS;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  Function *function = findFunction(handle);
  if (!function)
    return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    if (value < 0 || std::uint64_t(value) + function->info->staticSharedBytes > kMaxSharedBytes)
      return CUDA_ERROR_INVALID_VALUE;
    function->maxDynamicShared = static_cast<std::uint32_t>(value);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    function->nonPortableCluster = value != 0;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: // a hint
    return CUDA_SUCCESS;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

} // namespace qvlsim::driver
