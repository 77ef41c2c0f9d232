//! A slug for each new post, made from its title.
const std = @import("std");
const alyx = @import("alyx.zig");

const Row = struct { title: []const u8 = "", slug: ?[]const u8 = null };
const Change = struct { new: ?Row = null };
/// An event of a trigger, or the input of a call.
const Input = struct { database: ?Change = null, title: []const u8 = "" };

/// `Hello, World!` becomes `hello-world`.
fn slugOf(title: []const u8) ![]const u8 {
    const slug = try alyx.memory().alloc(u8, title.len + 8);
    var length: usize = 0;
    var gap = false;
    for (title) |letter| {
        if (!std.ascii.isAlphanumeric(letter)) {
            gap = length > 0;
            continue;
        }
        if (gap) {
            slug[length] = '-';
            length += 1;
        }
        gap = false;
        slug[length] = std.ascii.toLower(letter);
        length += 1;
    }
    return if (length == 0) "untitled" else slug[0..length];
}

fn run() !void {
    const options: std.json.ParseOptions = .{ .ignore_unknown_fields = true };
    const input = try std.json.parseFromSliceLeaky(Input, alyx.memory(), try alyx.input(), options);
    const change = input.database orelse {
        // Called with an input (`alyx invoke`) there is no row.
        return alyx.output(try std.mem.concat(alyx.memory(), u8, &.{ "{\"slug\":\"", try slugOf(input.title), "\"}" }));
    };
    const row = change.new orelse return alyx.output("null");
    if (row.slug != null) return alyx.output("null");
    alyx.output(try std.mem.concat(alyx.memory(), u8, &.{ "{\"row\":{\"slug\":\"", try slugOf(row.title), "\"}}" }));
}

export fn handler() i32 {
    run() catch return 1;
    return 0;
}
