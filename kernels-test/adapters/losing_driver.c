/* A Vulkan driver that passes everything on to the one that REAL_DRIVER names, and loses its device once the file LOST_FILE exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICE_LOST (-4)

typedef void (*Function)(void);
typedef int (*Submit)(void *queue, unsigned count, const void *submits, void *fence);

static void *driver;
static Function (*instance_function)(void *, const char *);
static Function (*device_function)(void *, const char *);
static Submit real_submit, real_submit2;
static int gone; /* a device that is lost stays lost */

static void *of_driver(const char *name) {
  if (!driver) driver = dlopen(getenv("REAL_DRIVER"), RTLD_NOW);
  return dlsym(driver, name);
}

static int is_lost(void) {
  const char *file = getenv("LOST_FILE");
  if (file && access(file, F_OK) == 0) gone = 1;
  return gone;
}

static int submit(void *queue, unsigned count, const void *submits, void *fence) {
  return is_lost() ? DEVICE_LOST : real_submit(queue, count, submits, fence);
}

static int submit2(void *queue, unsigned count, const void *submits, void *fence) {
  return is_lost() ? DEVICE_LOST : real_submit2(queue, count, submits, fence);
}

static Function function_of_device(void *device, const char *name) {
  Function found = device_function(device, name);
  if (!found) return found;
  if (!strcmp(name, "vkQueueSubmit")) return real_submit = (Submit)found, (Function)submit;
  if (!strcmp(name, "vkQueueSubmit2") || !strcmp(name, "vkQueueSubmit2KHR"))
    return real_submit2 = (Submit)found, (Function)submit2;
  return strcmp(name, "vkGetDeviceProcAddr") ? found : (Function)function_of_device;
}

Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  if (!instance_function) instance_function = of_driver("vk_icdGetInstanceProcAddr");
  Function found = instance_function(instance, name);
  if (!found || strcmp(name, "vkGetDeviceProcAddr")) return found;
  device_function = (Function(*)(void *, const char *))found;
  return (Function)function_of_device;
}

Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
  Function (*real)(void *, const char *) = of_driver("vk_icdGetPhysicalDeviceProcAddr");
  return real ? real(instance, name) : 0;
}

int vk_icdNegotiateLoaderICDInterfaceVersion(unsigned *version) {
  int (*real)(unsigned *) = of_driver("vk_icdNegotiateLoaderICDInterfaceVersion");
  return real(version);
}
