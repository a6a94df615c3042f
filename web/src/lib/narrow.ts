// Whether there is room for one view only. The same width as in the components' styles.

import { MediaQuery } from 'svelte/reactivity';

export const narrow = new MediaQuery('max-width: 44rem');
