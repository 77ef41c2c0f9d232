//! What a function in Zig needs of its host: input, output, and memory for one invocation.
const std = @import("std");

extern "extism:host/env" fn alloc(length: u64) u64;
extern "extism:host/env" fn load_u8(offset: u64) u32;
extern "extism:host/env" fn store_u8(offset: u64, value: u32) void;
extern "extism:host/env" fn input_offset() u64;
extern "extism:host/env" fn input_length() u64;
extern "extism:host/env" fn output_set(offset: u64, length: u64) void;

var space: [1 << 20]u8 = undefined;
var arena = std.heap.FixedBufferAllocator.init(&space);

/// Memory that lasts until the next call of `input`.
pub fn memory() std.mem.Allocator {
    return arena.allocator();
}

/// The input of this invocation. Call it first: it empties the memory of the one before.
pub fn input() ![]u8 {
    arena.reset();
    const offset = input_offset();
    const text = try memory().alloc(u8, @intCast(input_length()));
    for (text, 0..) |*byte, i| byte.* = @truncate(load_u8(offset + i));
    return text;
}

/// Sets the result of this invocation.
pub fn output(text: []const u8) void {
    const block = alloc(text.len);
    for (text, 0..) |byte, i| store_u8(block + i, byte);
    output_set(block, text.len);
}
