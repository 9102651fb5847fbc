/**
 * What the searches may know of the machine, so that a test can stand another one in its place.
 * A program is looked up here and nowhere else, and never inside the opened workspace: what a
 * repository brings is not started by opening it.
 */
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";

export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly workspaceFolders: readonly string[];
  isExecutable(file: string): Promise<boolean>;
  /** The path with symbolic links resolved, or the path itself where it can't be. */
  realPath(file: string): Promise<string>;
}

export function localMachine(workspaceFolders: readonly string[]): Machine {
  return {
    platform: process.platform,
    env: process.env,
    home: homedir(),
    workspaceFolders,
    isExecutable: async (file) => {
      try {
        await access(file, constants.X_OK);
        return (await stat(file)).isFile();
      } catch {
        return false;
      }
    },
    realPath: (file) => realpath(file).catch(() => file),
  };
}

export function pathsOf(platform: NodeJS.Platform): path.PlatformPath {
  return platform === "win32" ? path.win32 : path.posix;
}

/** `~` at the start stands for the home folder; nothing else is expanded. */
export function expandHome(file: string, machine: Machine): string {
  return /^~(?=$|[\\/])/.test(file) ? machine.home + file.slice(1) : file;
}

function isInside(file: string, folder: string, platform: NodeJS.Platform): boolean {
  const paths = pathsOf(platform);
  const relative = paths.relative(folder, file);
  return !(
    relative === ".." ||
    relative.startsWith(`..${paths.sep}`) ||
    paths.isAbsolute(relative)
  );
}

/** Whether the file lies in a workspace folder, by its own path or by where links lead. */
export async function isInWorkspace(file: string, machine: Machine): Promise<boolean> {
  const files = [file, await machine.realPath(file)];
  for (const folder of machine.workspaceFolders) {
    const folders = [folder, await machine.realPath(folder)];
    if (files.some((each) => folders.some((inside) => isInside(each, inside, machine.platform)))) {
      return true;
    }
  }
  return false;
}

/** The absolute entries of PATH outside the workspace, in their order. */
export async function searchFolders(machine: Machine): Promise<string[]> {
  const paths = pathsOf(machine.platform);
  const folders: string[] = [];
  for (const entry of new Set(pathVariable(machine).split(paths.delimiter))) {
    if (paths.isAbsolute(entry) && !(await isInWorkspace(entry, machine))) {
      folders.push(entry);
    }
  }
  return folders;
}

/** Every program of that name in the folders, first come first. */
export async function findPrograms(
  name: string,
  folders: readonly string[],
  machine: Machine,
): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    const file = pathsOf(machine.platform).join(folder, programName(name, machine.platform));
    if (await machine.isExecutable(file)) {
      found.push(file);
    }
  }
  return found;
}

function programName(name: string, platform: NodeJS.Platform): string {
  return platform === "win32" ? `${name}.exe` : name;
}

/** A program of a Python virtual environment. */
export function environmentProgram(
  directory: string,
  name: string,
  platform: NodeJS.Platform,
): string {
  const folder = platform === "win32" ? "Scripts" : "bin";
  return pathsOf(platform).join(directory, folder, programName(name, platform));
}

/** Has a shell find the programs beside this one as well, behind all others. */
export function pathWith(program: string, machine: Machine): Readonly<Record<string, string>> {
  const paths = pathsOf(machine.platform);
  const folders = [pathVariable(machine), paths.dirname(program)].filter((folder) => folder !== "");
  return { [pathName(machine) ?? "PATH"]: folders.join(paths.delimiter) };
}

function pathVariable(machine: Machine): string {
  const name = pathName(machine);
  return (name === undefined ? undefined : machine.env[name]) ?? "";
}

function pathName({ env, platform }: Machine): string | undefined {
  return Object.keys(env).find((name) =>
    platform === "win32" ? name.toUpperCase() === "PATH" : name === "PATH",
  );
}
