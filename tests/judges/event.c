/* event NAME NUMBER: gives the process of that program a console event, the way a console does: by a thread
 * that begins in kernelbase's CtrlRoutine. Wine has no other way to make a close or a shutdown. */
#include <windows.h>
#include <tlhelp32.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words)
{
    PROCESSENTRY32 entry = {.dwSize = sizeof entry};
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0), process = NULL, thread;
    FARPROC routine = GetProcAddress(GetModuleHandleA("kernelbase.dll"), "CtrlRoutine");

    if (count != 3 || !routine)
        return 2;
    for (BOOL more = Process32First(all, &entry); more; more = Process32Next(all, &entry))
        if (!_stricmp(entry.szExeFile, words[1]))
            process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, entry.th32ProcessID);
    if (!process)
        return 3;
    thread = CreateRemoteThread(process, NULL, 0, (LPTHREAD_START_ROUTINE)routine,
                                (void *)(ULONG_PTR)strtoul(words[2], NULL, 10), 0, NULL);
    return thread ? 0 : 4;
}
