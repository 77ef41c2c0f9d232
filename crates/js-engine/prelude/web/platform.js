// What core-js brings as the platform has it: URL, URLSearchParams, structuredClone, DOMException.

import "core-js/actual/url/index.js";
import "core-js/actual/url-search-params/index.js";
import "core-js/actual/structured-clone.js";
