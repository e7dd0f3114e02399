/* Preloaded into Janus, which leaves loopback interfaces out of its candidates: here they look like any other. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>

int getifaddrs(struct ifaddrs **list) {
  int (*real)(struct ifaddrs **) = (int (*)(struct ifaddrs **))dlsym(RTLD_NEXT, "getifaddrs");
  int status = real(list);
  for (struct ifaddrs *one = status ? 0 : *list; one; one = one->ifa_next) one->ifa_flags &= ~IFF_LOOPBACK;
  return status;
}
