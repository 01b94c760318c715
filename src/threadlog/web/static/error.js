// A page that says why nothing is shown: the keys that all pages have.

import { listen } from "./keys.js";
import { backToList } from "./place.js";

listen({ Escape: backToList });
