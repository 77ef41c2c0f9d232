// Traps in a function that is inlined, so that debug information must name both places.
// Built by: clang --target=wasm32 -g -O1 -nostdlib -fdebug-prefix-map=$PWD=. -Wl,--no-entry -o divide.wasm divide.c
static inline __attribute__((always_inline)) int divide(int a, int b) {
    return a / b;
}

__attribute__((export_name("divide"))) int divide_export(int a, int b) {
    return divide(a, b) + 1;
}
