import Testing

@testable import System

private let id = "3f2a9c0b1d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8"
private let other = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
private let pod = "0123abcd-4567-89ef-0123-456789abcdef"
private let podInSlice = "0123abcd_4567_89ef_0123_456789abcdef"

@Suite struct `The path of a control group` {
  private struct Case: Sendable {
    var path: String
    var units: [String] = []
    var container: String?
    var runtime: String?
    var pod: String?
  }

  private static let cases: [Case] = [
    // systemd
    Case(path: "/"),
    Case(path: "/system.slice/nginx.service", units: ["nginx.service"]),
    Case(
      path: "/system.slice/system-postgresql.slice/postgresql@15-main.service",
      units: ["postgresql@15-main.service"]),
    Case(path: "/system.slice/nginx.service/workers/1", units: ["nginx.service"]),
    Case(path: "/user.slice/user-1000.slice/session-3.scope", units: ["session-3.scope"]),
    Case(
      path: "/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service",
      units: ["user@1000.service", "shop.service"]),
    Case(
      path: "/user.slice/user-1000.slice/user@1000.service/init.scope",
      units: ["user@1000.service", "init.scope"]),
    Case(path: "/init.scope", units: ["init.scope"]),
    Case(path: "/system.slice/_cpu.service", units: ["cpu.service"]),
    Case(path: "/../../system.slice/nginx.service", units: ["nginx.service"]),
    Case(path: "/foo/nginx.service"),
    Case(path: "/system.slice"),
    // Docker
    Case(
      path: "/system.slice/docker-\(id).scope", units: ["docker-\(id).scope"], container: id, runtime: "docker"),
    Case(path: "/docker/\(id)", container: id, runtime: "docker"),
    Case(path: "/docker/\(other)/docker/\(id)", container: id, runtime: "docker"),
    Case(path: "/ecs/task/\(id)", container: id),
    // Kubernetes, with systemd and without
    Case(
      path:
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(podInSlice).slice/cri-containerd-\(id).scope",
      units: ["cri-containerd-\(id).scope"], container: id, runtime: "containerd", pod: pod),
    Case(
      path: "/kubepods.slice/kubepods-pod\(podInSlice).slice/crio-\(id).scope/container",
      units: ["crio-\(id).scope"], container: id, runtime: "cri-o", pod: pod),
    Case(
      path: "/kubepods.slice/kubepods-pod\(podInSlice).slice/crio-conmon-\(id).scope",
      units: ["crio-conmon-\(id).scope"], pod: pod),
    Case(path: "/kubepods/besteffort/pod\(pod)/\(id)", container: id, pod: pod),
    Case(
      path: "/system.slice/containerd.service/kubepods-burstable-pod\(podInSlice).slice:cri-containerd:\(id)",
      units: ["containerd.service"], container: id, runtime: "containerd", pod: pod),
    Case(
      path: "/system.slice/nerdctl-\(id).scope", units: ["nerdctl-\(id).scope"], container: id,
      runtime: "containerd"),
    Case(path: "/default/\(id)", container: id),
    // Podman
    Case(
      path: "/machine.slice/libpod-\(id).scope/container", units: ["libpod-\(id).scope"], container: id,
      runtime: "podman"),
    Case(path: "/machine.slice/libpod-conmon-\(id).scope", units: ["libpod-conmon-\(id).scope"]),
    Case(
      path: "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(id).scope/container",
      units: ["user@1000.service", "libpod-\(id).scope"], container: id, runtime: "podman"),
    // LXC and systemd-nspawn
    Case(path: "/lxc.payload.web/system.slice/nginx.service", container: "web", runtime: "lxc"),
    Case(path: "/lxc.monitor.web"),
    Case(path: "/lxc/web", container: "web", runtime: "lxc"),
    Case(
      path: "/machine.slice/systemd-nspawn@build.service/payload", units: ["systemd-nspawn@build.service"],
      container: "build", runtime: "systemd-nspawn"),
    Case(
      path: "/machine.slice/machine-build\\x2dbox.scope", units: ["machine-build\\x2dbox.scope"],
      container: "build-box",
      runtime: "systemd-nspawn"),
    Case(path: "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", units: ["machine-qemu\\x2d1\\x2dvm.scope"]),
    // What is none of these
    Case(path: "/docker/\(id.dropLast())"), Case(path: "/docker/\(id.uppercased())"),
    Case(path: "/\u{1b}[31m/\n"),
  ]

  @Test(arguments: cases.indices) func `tells the unit, the container and the pod`(index: Int) {
    let expected = Self.cases[index]
    let path = CgroupPath(path: expected.path)
    #expect(path.units == expected.units, "\(expected.path)")
    #expect(path.containerID == expected.container, "\(expected.path)")
    #expect(path.runtime == expected.runtime, "\(expected.path)")
    #expect(path.podUID == expected.pod, "\(expected.path)")
  }

  @Test func `is that of cgroup2, of systemd's hierarchy, or of the one that knows a container`() {
    let pure = CgroupPath(processFile: "0::/system.slice/nginx.service\n")
    #expect(pure?.units == ["nginx.service"])
    let old = CgroupPath(
      processFile:
        "12:pids:/system.slice/nginx.service\n4:memory:/system.slice\n1:name=systemd:/system.slice/nginx.service\n"
    )
    #expect(old?.units == ["nginx.service"])
    let hybrid = CgroupPath(
      processFile: "5:memory:/docker/\(id)\n1:name=systemd:/docker/\(id)\n0::/system.slice/containerd.service\n"
    )
    #expect(hybrid?.containerID == id)
    #expect(hybrid?.units == [])
    #expect(CgroupPath(processFile: "9:name=systemd:/\n4:memory:/job\n0::/\n")?.path == "/job")
    #expect(CgroupPath(processFile: "0::/\n")?.path == "/")
  }

  @Test(arguments: ["", "x", "0::", "0:/a", "::::\n", "\u{0}\u{1b}[31m"])
  func `of a damaged file is none`(text: String) { #expect(CgroupPath(processFile: text) == nil) }
}

@Suite struct `The names of users` {
  @Test func `are those of the host, the first of several`() {
    let users = Users(
      passwd: "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbad\n:x:no:\nweb:x:33:33::/:\n")
    #expect(users.name(of: 0) == "root")
    #expect(users.name(of: 33) == "web")
    #expect(users.name(of: 34) == nil)
  }
}
