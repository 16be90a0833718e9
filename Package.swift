// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let strictC: [CSetting] = [.treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra")]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

// Floors: a module depends only on lower ones. docs/design.md says what each is for.
let package = Package(
  name: "tcplinger",
  products: [
    .executable(name: "tcplinger", targets: ["tcplinger"]),
    // For the tests alone.
    .library(name: "tcplinger-preload", type: .dynamic, targets: ["Preload"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
  ],
  targets: [
    .target(name: "CWire"),
    .target(name: "CSystem", linkerSettings: [.linkedLibrary("jansson")]),
    .target(
      name: "CCurses", exclude: ["terminal.ti"], cSettings: strictC,
      linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
    .target(
      name: "CLibbpf", dependencies: ["CWire"],
      linkerSettings: [.linkedLibrary("bpf"), .linkedLibrary("elf"), .linkedLibrary("z")]),

    module("Language"),
    module("BPF", ["CLibbpf"]),
    module("Events", ["CWire", "Language"]),
    module("System", ["CSystem"]),

    module("Diagnosis", ["Events", "Language"]),

    module("Render", ["Diagnosis", "Events", "Language"]),
    module("Tracing", ["BPF", "Diagnosis", "Events", "Language", "System"]),

    .executableTarget(
      name: "tcplinger",
      dependencies: [
        "CCurses", "Diagnosis", "Events", "Language", "Render", "System", "Tracing",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    tests("EventsTests", ["Events", "CWire"]),
    tests("DiagnosisTests", ["Diagnosis", "Events", "Language"]),
    tests("LanguageTests", ["Language"]),
    tests("RenderTests", ["Diagnosis", "Events", "Language", "Render"]),
    tests("SystemTests", ["System"]),
    tests(
      "CommandTests",
      [
        "Events", "Language", "Render", "System", "tcplinger",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    tests("TracingTests", ["BPF", "Events", "System", "Tracing"]),

    // What the tests on real sockets are made of, and the program that plays the processes.
    .target(name: "CStage", path: "Tests/CStage", publicHeadersPath: ".", cSettings: strictC),
    .target(name: "Stage", dependencies: ["CStage"], path: "Tests/Stage", swiftSettings: swiftSettings),
    tests("KernelTests", ["Stage", "tcplinger-player", "tcplinger-workload"]),
    tests("EndToEndTests", ["Stage", "tcplinger-player"]),
    // Stands between the program and the kernel: refuses, and counts.
    .target(name: "Preload", path: "Tests/Preload", cSettings: strictC, linkerSettings: [.linkedLibrary("dl")]),
    .executableTarget(name: "tcplinger-player", path: "Tests/Player", cSettings: strictC),

    // Makes the trouble that the tool names: for the demonstration, the tests and the benchmark.
    .executableTarget(
      name: "tcplinger-workload", path: "Sources/workload",
      cSettings: strictC),
  ],
  cLanguageStandard: .c11
)
