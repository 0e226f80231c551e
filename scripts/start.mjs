// npm start: installs and builds what is missing, then becomes the program, in this process.
import { pathToFileURL } from 'node:url';
import { build, isBuilt, main } from './build.mjs';
import { ensureInstalled } from './install.mjs';

const built = isBuilt();
ensureInstalled({ dev: !built }); // what is built runs without the development tools
if (!built) await build();
process.argv[1] = main;
await import(pathToFileURL(main).href);
