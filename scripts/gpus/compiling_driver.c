/*
 * A Vulkan driver for kernels that are compiled and never run. It passes calls on to the driver that REAL_DRIVER names, but no command,
 * submit or wait: a driver without its hardware crashes in them. Of every compute pipeline, it appends the compiler's statistics as a line of
 * JSON to the file that STATISTICS names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

#define EXTENSION "VK_KHR_pipeline_executable_properties"

typedef PFN_vkVoidFunction Function;

static PFN_vkGetInstanceProcAddr instance_function;
static PFN_vkGetDeviceProcAddr device_function;
static PFN_vkCreateDevice create_device;
static PFN_vkCreateComputePipelines create_pipelines;

static void *of_driver(const char *name) {
  static void *driver;
  if (!driver && !(driver = dlopen(getenv("REAL_DRIVER"), RTLD_NOW))) {
    fprintf(stderr, "%s\n", dlerror());
    exit(3);
  }
  return dlsym(driver, name);
}

/* Success for whatever returns a VkResult. */
static VkResult nothing(void) { return VK_SUCCESS; }

static int starts(const char *name, const char *prefix) { return !strncmp(name, prefix, strlen(prefix)); }

static int runs(const char *name) {
  static const char *prefixes[] = {"vkCmd",          "vkQueue",          "vkBeginCommandBuffer", "vkEndCommandBuffer",
                                   "vkResetCommand", "vkDeviceWaitIdle", "vkWaitForFences",      "vkGetFenceStatus",
                                   "vkWaitSemaphores"};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (starts(name, prefixes[i])) return 1;
  return 0;
}

static void write_value(FILE *file, const VkPipelineExecutableStatisticKHR *statistic) {
  switch (statistic->format) {
  case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR: fprintf(file, "%g", statistic->value.f64); break;
  case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: fprintf(file, "%u", statistic->value.b32); break;
  default: fprintf(file, "%llu", (unsigned long long)statistic->value.u64);
  }
}

/* A compute pipeline is one executable. */
static void write_statistics(VkDevice device, VkPipeline pipeline) {
  PFN_vkGetPipelineExecutablePropertiesKHR get_properties =
      (PFN_vkGetPipelineExecutablePropertiesKHR)device_function(device, "vkGetPipelineExecutablePropertiesKHR");
  PFN_vkGetPipelineExecutableStatisticsKHR get_statistics =
      (PFN_vkGetPipelineExecutableStatisticsKHR)device_function(device, "vkGetPipelineExecutableStatisticsKHR");
  VkPipelineInfoKHR info = {VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, NULL, pipeline};
  VkPipelineExecutablePropertiesKHR properties = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
  uint32_t executables = 1;
  get_properties(device, &info, &executables, &properties);
  VkPipelineExecutableInfoKHR executable = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, NULL, pipeline, 0};
  VkPipelineExecutableStatisticKHR statistics[64];
  uint32_t count = sizeof statistics / sizeof *statistics;
  memset(statistics, 0, sizeof statistics);
  for (uint32_t i = 0; i < count; i++) statistics[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
  get_statistics(device, &executable, &count, statistics);
  FILE *file = fopen(getenv("STATISTICS"), "a");
  if (!file) return;
  fprintf(file, "{\"subgroup size\":%u", properties.subgroupSize);
  for (uint32_t i = 0; i < count; i++) {
    fprintf(file, ",\"%s\":", statistics[i].name);
    write_value(file, &statistics[i]);
  }
  fprintf(file, "}\n");
  fclose(file);
}

/* Without the pipeline cache, since what comes from it has no statistics. */
static VkResult compile(VkDevice device, VkPipelineCache cache, uint32_t count, const VkComputePipelineCreateInfo *given,
                        const VkAllocationCallbacks *allocator, VkPipeline *pipelines) {
  VkComputePipelineCreateInfo *infos = malloc(count * sizeof *infos);
  memcpy(infos, given, count * sizeof *infos);
  for (uint32_t i = 0; i < count; i++) infos[i].flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
  VkResult result = create_pipelines(device, VK_NULL_HANDLE, count, infos, allocator, pipelines);
  for (uint32_t i = 0; i < count && result == VK_SUCCESS; i++) write_statistics(device, pipelines[i]);
  free(infos);
  return result;
}

static VkResult open_device(VkPhysicalDevice adapter, const VkDeviceCreateInfo *given, const VkAllocationCallbacks *allocator,
                            VkDevice *device) {
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR feature = {
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, (void *)given->pNext, VK_TRUE};
  VkDeviceCreateInfo info = *given;
  const char **extensions = malloc((given->enabledExtensionCount + 1) * sizeof *extensions);
  memcpy(extensions, given->ppEnabledExtensionNames, given->enabledExtensionCount * sizeof *extensions);
  extensions[info.enabledExtensionCount++] = EXTENSION;
  info.ppEnabledExtensionNames = extensions;
  info.pNext = &feature;
  VkResult result = create_device(adapter, &info, allocator, device);
  free(extensions);
  return result;
}

static Function function_of_device(VkDevice device, const char *name);

static Function replaced(const char *name, Function found) {
  if (!found) return found;
  if (!strcmp(name, "vkGetDeviceProcAddr")) return device_function = (PFN_vkGetDeviceProcAddr)found, (Function)function_of_device;
  if (!strcmp(name, "vkCreateDevice")) return create_device = (PFN_vkCreateDevice)found, (Function)open_device;
  if (!strcmp(name, "vkCreateComputePipelines"))
    return create_pipelines = (PFN_vkCreateComputePipelines)found, (Function)compile;
  return runs(name) ? (Function)nothing : found;
}

static Function function_of_device(VkDevice device, const char *name) { return replaced(name, device_function(device, name)); }

Function vk_icdGetInstanceProcAddr(VkInstance instance, const char *name) {
  if (!instance_function) instance_function = of_driver("vk_icdGetInstanceProcAddr");
  return replaced(name, instance_function(instance, name));
}

Function vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name) {
  PFN_vkGetInstanceProcAddr real = of_driver("vk_icdGetPhysicalDeviceProcAddr");
  return real ? replaced(name, real(instance, name)) : NULL;
}

VkResult vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  VkResult (*real)(uint32_t *) = of_driver("vk_icdNegotiateLoaderICDInterfaceVersion");
  return real(version);
}
