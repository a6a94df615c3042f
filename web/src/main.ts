// The page: one component in one element.

import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { language } from './lib/text';

document.documentElement.lang = language;
const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
mount(App, { target });
