const std = @import("std");

pub fn build(b: *std.Build) void {
    const plugin = b.addExecutable(.{
        .name = "plugin",
        .root_module = b.createModule(.{
            .root_source_file = b.path("src/main.zig"),
            .target = b.resolveTargetQuery(.{ .cpu_arch = .wasm32, .os_tag = .freestanding }),
            .optimize = .ReleaseSmall,
        }),
    });
    plugin.entry = .disabled;
    plugin.rdynamic = true;
    b.installArtifact(plugin);
}
